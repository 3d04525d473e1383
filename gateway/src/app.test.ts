import { HeadgateError } from '@headgate/contracts/errors';
import { toldQuotas } from '@headgate/testkit/rate-limit-fields';
import { describe, expect, it } from 'vitest';
import { CONFIG, fixture, KEYS } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';

const IMAGE = { method: 'POST', body: pngHeader(8, 8), headers: { 'content-type': 'image/png' } };
const ONION =
  'requestId observe audit crossOrigin deadline ipLimit wellFormed refusePreflight authenticate rateLimit bodyLimit';

describe('the onion', () => {
  it.each([
    ['/predict', 'chooseVariant shed validate chargeImages predict'],
    ['/v1/models/:model/predict', 'chooseVariant shed validate chargeImages predict'],
    [
      '/v1/models/:model/versions/:version/predict',
      'requireRole chooseVersion shed validate chargeImages predict',
    ],
    ['/v1/models', 'listModels'],
  ])('of %s has its layers in the promised order', async (path, own) => {
    const { app } = await fixture();
    const names = app.routes
      .filter((route) => route.path === '/*' || route.path === path)
      .map(({ handler }) => handler.name);
    expect(names.join(' ')).toBe(`${ONION} authorize ${own} refuseMethod`);
  });
});

describe('every answer', () => {
  it('carries a request id: the one that came in when it is fit to be logged', async () => {
    const { send, seen } = await fixture();
    const response = await send('/v1/models', { headers: { 'x-request-id': 'abc-123' } });
    expect(response.headers.get('x-request-id')).toBe('abc-123');
    expect(seen.requests[0]?.requestId).toBe('abc-123');
  });

  it.each(['', 'a b', 'x'.repeat(65), '<script>', 'a"b'])(
    'never repeats an unfit request id: %j',
    async (sent) => {
      const { send } = await fixture();
      const response = await send('/v1/models', { headers: { 'x-request-id': sent } });
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('forbids browsers to guess its type and predictions to be cached', async () => {
    const { send } = await fixture();
    const { headers } = await send('/predict', IMAGE);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('closes its connection while the host drains', async () => {
    const { send } = await fixture({ draining: () => true });
    const response = await send('/predict', IMAGE);
    expect([response.status, response.headers.get('connection')]).toEqual([200, 'close']);
  });
});

describe('an error', () => {
  it('is answered as a problem with the request id', async () => {
    const { send } = await fixture();
    const response = await send('/nothing', { headers: { 'x-request-id': 'abc-123' } });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toEqual({
      type: 'urn:headgate:problem:not_found',
      title: 'There is nothing at this address',
      status: 404,
      detail: expect.any(String),
      reason: 'not_found',
      request_id: 'abc-123',
    });
  });

  it.each([
    ['GET', '/predict', 'POST'],
    ['PUT', '/v1/models/net/predict', 'POST'],
    ['POST', '/v1/models', 'GET, HEAD'],
  ])('%s %s is 405 and says what is allowed', async (method, path, allow) => {
    const { send } = await fixture();
    const response = await send(path, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
  });

  it('shows nothing of what lies behind it, and reports that to the operator', async () => {
    const leak = new Error('ENOENT /etc/secret');
    const { send, seen } = await fixture({
      predictor: {
        predict: async () => {
          throw leak;
        },
      },
    });
    const response = await send('/predict', IMAGE);
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(body).not.toMatch(/ENOENT|secret|stack|\.ts/);
    expect(seen.requests[0]).toMatchObject({ status: 500, reason: 'internal', cause: leak });
  });

  it('that is our overload says when to come back', async () => {
    const busy = new HeadgateError('overloaded', 'The queue is full.', { retryAfterMs: 2400 });
    const { send } = await fixture({ predictor: { predict: () => Promise.reject(busy) } });
    const response = await send('/predict', IMAGE);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '3']);
  });

  it('that is our unavailability says when to come back even when nobody knows', async () => {
    const down = new HeadgateError('unavailable', 'No pod is ready.');
    const { send } = await fixture({ predictor: { predict: () => Promise.reject(down) } });
    expect((await send('/predict', IMAGE)).headers.get('retry-after')).toBe('1');
  });
});

describe('what is reported', () => {
  it('names the route pattern, whoever refused the request', async () => {
    const { send, seen } = await fixture();
    await send('/v1/models/net/predict', { ...IMAGE, headers: { 'x-api-key': 'wrong' } });
    expect(seen.requests[0]).toMatchObject({
      method: 'POST',
      route: '/v1/models/:model/predict',
      status: 403,
      reason: 'wrong_key',
      keyId: undefined,
    });
  });

  it('knows the key by its id', async () => {
    const { send, seen } = await fixture();
    await send('/v1/models');
    expect(seen.requests[0]).toMatchObject({ keyId: 'bench001', status: 200, reason: undefined });
    expect(JSON.stringify(seen)).not.toContain(KEYS.bench);
  });

  it('changes no model unless it is on record, by whom, that it is attempted', async () => {
    const load = { method: 'POST', headers: { 'x-api-key': KEYS.admin } };
    const path = '/v2/repository/models/net/load';
    const { send, seen } = await fixture();
    expect((await send(path, load)).status).toBe(200);
    expect(seen.changes).toMatchObject([
      { keyId: 'admin001', action: 'model.load', outcome: 'attempted', detail: { model: 'net' } },
    ]);
    const full = async () => {
      throw new HeadgateError('records_unavailable', 'The disk is full.');
    };
    const refusing = await fixture({ audit: { record: () => undefined, change: full } });
    expect((await refusing.send(path, load)).status).toBe(503);
    expect((await refusing.send('/predict', IMAGE)).status).toBe(200);
  });

  it('is audited for refused requests too', async () => {
    const { send, seen } = await fixture();
    await send('/predict', { ...IMAGE, headers: { 'x-api-key': 'wrong' } });
    await send('/predict', { ...IMAGE, headers: { 'x-headgate-timeout-ms': 'soon' } });
    await send('/predict', IMAGE);
    expect(seen.audit.map(({ keyId, status, reason }) => [keyId, status, reason])).toEqual([
      [undefined, 403, 'wrong_key'],
      [undefined, 400, 'invalid_request'],
      ['bench001', 200, undefined],
    ]);
  });

  it('continues the trace of the caller, down to the predictor', async () => {
    const { send, seen } = await fixture();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await send('/predict', { ...IMAGE, headers: { ...IMAGE.headers, traceparent } });
    expect(seen.requests[0]?.trace.traceId).toBe(traceId);
    expect(seen.calls[0]?.trace).toMatchObject({ traceId, sampled: true });
  });

  it('starts a trace when the caller sent none, or one that is invalid', async () => {
    const { send, seen } = await fixture();
    await send('/predict', { ...IMAGE, headers: { ...IMAGE.headers, traceparent: '00-0-0-01' } });
    expect(seen.calls[0]?.trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the documentation', () => {
  it('is no route of the public port unless it is configured', async () => {
    const { send } = await fixture();
    expect((await send('/docs')).status).toBe(404);
  });

  it('is served to everybody when it is public, and charged to the address', async () => {
    const { app } = await fixture({ config: { ...CONFIG, docs_public: true } });
    const page = await app.request('/docs', {}, { ip: '192.0.2.9' });
    expect([page.status, toldQuotas((name) => page.headers.get(name))]).toMatchObject([
      200,
      [{ name: 'ip/all/anonymous/requests/60', r: 99 }],
    ]);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain('/docs/script.js');
    const document = await app.request('/openapi.json', {}, { ip: '192.0.2.9' });
    expect(await document.json()).toMatchObject({ openapi: '3.1.0' });
  });
});
