import { describe, expect, it } from 'vitest';
import { answerOf, reasonOf } from './testing/answers.ts';
import { CONFIG, fixture } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

describe('identity', () => {
  it('is needed by every route of the app and by every address without one', async () => {
    const { app } = await fixture();
    const patterns = new Set(app.routes.map(({ path }) => path).filter((path) => path !== '/*'));
    const paths = [...patterns, '/', '/nothing', '/v2', '/v2/models/net/infer'].map((pattern) =>
      pattern.replace(':model', 'net').replace(':version', '1'),
    );
    expect(patterns.size).toBeGreaterThanOrEqual(4);
    for (const [host, path] of paths.entries()) {
      for (const method of METHODS) {
        const response = await app.request(path, { method }, { ip: `192.0.2.${host}` });
        expect([method, path, response.status]).toEqual([method, path, 401]);
      }
    }
  });

  it('is not needed by the public documentation, and by nothing else', async () => {
    const { app } = await fixture({ config: { ...CONFIG, docs_public: true } });
    const open = [];
    for (const path of new Set(app.routes.map((route) => route.path))) {
      const { status } = await app.request(path, {}, { ip: '192.0.2.1' });
      if (status !== 401) open.push(path);
    }
    expect(open).toEqual(['/openapi.json', '/docs']);
  });

  it('cannot be circumvented by another spelling of a public path', async () => {
    const { app } = await fixture({ config: { ...CONFIG, docs_public: true } });
    for (const path of ['/docs/', '//docs', '/docs/../predict', '/docs;x', '/docs%2f', '/DOCS', '/docs/..']) {
      expect([path, (await app.request(path, {}, { ip: '192.0.2.1' })).status]).toEqual([path, 401]);
    }
  });
});

describe('a model named like a part of JavaScript', () => {
  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '..%2F..%2Fetc',
    '%00',
    '%E0%A4%A',
    'a%0d%0ab',
  ])('%s is an unknown model', async (model) => {
    const { send, seen } = await fixture();
    const response = await send(`/v1/models/${model}/predict`, {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png' },
    });
    expect([response.status, await reasonOf(response)]).toEqual([404, 'unknown_model']);
    expect(seen.calls).toEqual([]);
  });

  it('or a version of that kind is an unknown version', async () => {
    const { send } = await fixture();
    const response = await send('/v1/models/net/versions/__proto__/predict', {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png', 'x-api-key': `hg_tester01_${'t'.repeat(32)}` },
    });
    expect(await reasonOf(response)).toBe('unknown_version');
  });

  it('pollutes no prototype as a field name either', async () => {
    const { send } = await fixture();
    const form = new FormData();
    form.append('__proto__', 'polluted');
    form.append('constructor[prototype][polluted]', 'yes');
    form.append('image', new Blob([pngHeader(8, 8)]), '__proto__');
    const response = await send('/predict', { method: 'POST', body: form });
    expect(response.status).toBe(200);
    expect((await answerOf(response)).predictions[0]?.filename).toBe('__proto__');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
