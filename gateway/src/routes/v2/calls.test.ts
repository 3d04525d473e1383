import { describe, expect, it } from 'vitest';
import { problemOf } from '../../testing/answers.ts';
import { fixture, KEYS } from '../../testing/app-fixture.ts';
import { echoInference } from '../../testing/echo-inference.ts';

async function rest(isReady: (model: string, version: string) => boolean = () => true, draining = false) {
  const inference = echoInference();
  const { send, seen } = await fixture({ inference, readiness: { isReady }, draining: () => draining });
  const get = (path: string, key: string = KEYS.bench) => send(path, { headers: { 'x-api-key': key } });
  const post = (path: string, body: string, key: string = KEYS.admin) =>
    send(path, { method: 'POST', body, headers: { 'x-api-key': key } });
  return { get, post, seen, asked: inference.asked };
}

describe('health under /v2', () => {
  it('says by its status, and in its body under the names that clients read, that the server lives and is ready', async () => {
    const { get } = await rest();
    const live = await get('/v2/health/live');
    expect([live.status, await live.json()]).toEqual([200, { live: true }]);
    const ready = await get('/v2/health/ready');
    expect([ready.status, await ready.json()]).toEqual([200, { live: true, ready: true }]);
  });

  it('is 503 while the control version of the default model is not ready, and while draining', async () => {
    const starting = await rest((_, version) => version !== '1');
    expect((await starting.get('/v2/health/ready')).status).toBe(503);
    expect((await starting.get('/v2/health/live')).status).toBe(200);
    const { get } = await rest(() => true, true);
    expect((await get('/v2/health/ready')).status).toBe(503);
  });

  it.each([
    ['/v2/models/net/ready', 200, { name: 'net', version: '1', ready: true }],
    ['/v2/models/net/versions/2/ready', 503, expect.objectContaining({ reason: 'unavailable' })],
    ['/v2/models/net/versions/9/ready', 404, expect.objectContaining({ reason: 'unknown_version' })],
    ['/v2/models/nothing/ready', 404, expect.objectContaining({ reason: 'unknown_model' })],
    ['/v2/models/__proto__/ready', 404, expect.objectContaining({ reason: 'unknown_model' })],
  ])('of %s is %d', async (path, status, body) => {
    const { get } = await rest((_, version) => version === '1');
    const response = await get(path);
    expect([response.status, await response.json()]).toEqual([status, body]);
  });
});

describe('descriptions under /v2', () => {
  it('name the binary extension, which is the gateway’s own', async () => {
    const { get } = await rest();
    expect(await (await get('/v2')).json()).toEqual({
      name: 'headgate',
      version: '1',
      extensions: ['statistics', 'binary_tensor_data'],
    });
  });

  it('ask inference for the model and the version in the path', async () => {
    const { get, asked, seen } = await rest();
    const metadata = await (await get('/v2/models/net')).json();
    expect(metadata).toEqual({
      name: 'net',
      versions: ['1'],
      platform: 'onnxruntime_onnx/cpu',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    });
    await get('/v2/models/net/versions/2');
    await get('/v2/models/net/versions/2/config');
    await get('/v2/models/net/versions/2/stats', KEYS.tester);
    await get('/v2/models/net/stats', KEYS.tester);
    await get('/v2/models/stats', KEYS.tester);
    expect(asked.others).toEqual([
      'metadata net ',
      'metadata net 2',
      'config net 2',
      'statistics net 2',
      'statistics net ',
      'statistics  ',
    ]);
    expect(seen.requests.slice(-2).map(({ route }) => route)).toEqual([
      '/v2/models/:model/stats',
      '/v2/models/stats',
    ]);
  });

  it('leave out what a configuration does not set: clients take its presence for an answer', async () => {
    const { get } = await rest();
    const config = await (await get('/v2/models/net/config')).json();
    expect(config).toMatchObject({
      name: 'net',
      max_batch_size: 0,
      version_policy: { specific: { versions: [1] } },
    });
    expect(JSON.stringify(config)).not.toMatch(/null|_choice/);
  });
});

describe('the model repository under /v2', () => {
  it('is listed, ready versions alone if the caller says so; an empty body is none', async () => {
    const { post, asked } = await rest();
    const rows = [{ name: 'net', version: '1', state: 'READY', reason: '' }];
    expect(await (await post('/v2/repository/index', '')).json()).toEqual(rows);
    expect(await (await post('/v2/repository/index', '{"ready":true}')).json()).toEqual(rows);
    expect(asked.others).toEqual(['index false', 'index true']);
  });

  it('is told what to load, with its parameters', async () => {
    const { post, asked } = await rest();
    const parameters = { config: '{}', 'file:1/model.onnx': 'AAAA', unload_dependents: false };
    const response = await post('/v2/repository/models/net/load', JSON.stringify({ parameters }));
    expect([response.status, asked.others]).toEqual([200, ['load net']]);
    expect(asked.loads).toEqual([
      {
        config: { string_param: '{}' },
        'file:1/model.onnx': { string_param: 'AAAA' },
        unload_dependents: { bool_param: false },
      },
    ]);
  });

  it('reads no more than a call needs', async () => {
    const { post, asked } = await rest();
    const response = await post('/v2/repository/index', `{"x":[${'1,'.repeat(40_000)}1]}`);
    expect([response.status, (await problemOf(response)).reason]).toEqual([413, 'body_too_large']);
    expect(asked.others).toEqual([]);
  });

  it('passes on why inference refuses', async () => {
    const { post } = await rest();
    const response = await post('/v2/repository/models/net/unload', '{}');
    expect([response.status, (await problemOf(response)).reason]).toEqual([409, 'model_control_off']);
  });

  it.each([
    ['/v2/repository/index', '{"ready":1}', 'ready: '],
    ['/v2/repository/index', 'ready', 'body: '],
    ['/v2/repository/models/net/load', '[]', 'body: '],
    ['/v2/repository/models/net/load', '{"parameters":[]}', 'parameters: '],
    ['/v2/repository/models/net/load', '{"parameters":{"config":{}}}', 'parameters.config: '],
    ['/v2/repository/models/net/load', '{"parameters":{"__proto__":"x"}}', 'parameters: '],
  ])('refuses for %s the body %s', async (path, body, field) => {
    const { post, asked } = await rest();
    const response = await post(path, body);
    expect([response.status, (await problemOf(response)).error]).toEqual([
      400,
      expect.stringContaining(field),
    ]);
    expect(asked.others).toEqual([]);
  });
});

describe('roles under /v2', () => {
  const OPERATIONS = ['client', 'tester', 'admin'] as const;
  it.each([
    ['GET', '/v2/models/stats', [403, 200, 200]],
    ['GET', '/v2/models/net/stats', [403, 200, 200]],
    ['GET', '/v2/models/net/versions/1/stats', [403, 200, 200]],
    ['POST', '/v2/repository/index', [403, 200, 200]],
    ['POST', '/v2/repository/models/net/load', [403, 403, 200]],
    ['POST', '/v2/repository/models/net/unload', [403, 403, 409]],
  ])('decide about %s %s', async (method, path, statuses) => {
    const { get, post } = await rest();
    const answers = [];
    for (const role of OPERATIONS) {
      const response = method === 'GET' ? await get(path, KEYS[role]) : await post(path, '', KEYS[role]);
      answers.push(response.status);
    }
    expect(answers).toEqual(statuses);
  });

  it('are asked for before a body is read or inference is', async () => {
    const { post, asked, seen } = await rest();
    const response = await post('/v2/repository/models/net/unload', 'no JSON', KEYS.client);
    expect([response.status, (await problemOf(response)).reason]).toEqual([403, 'scope_missing']);
    expect(asked.others).toEqual([]);
    expect(seen.audit.at(-1)).toMatchObject({
      route: '/v2/repository/models/:model/unload',
      status: 403,
      reason: 'scope_missing',
    });
  });
});

describe('an error under /v2', () => {
  it.each([
    ['/v2/nothing', 404, 'not_found'],
    ['/v2/models/net/infer', 405, 'method_not_allowed'],
  ])(
    'of the address itself (%s) can be read by clients of the protocol too',
    async (path, status, reason) => {
      const { get } = await rest();
      const response = await get(path);
      expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/json']);
      expect(await problemOf(response)).toMatchObject({ reason, error: expect.any(String) });
    },
  );

  it('is a problem of RFC 9457 everywhere else', async () => {
    const { get } = await rest();
    const response = await get('/v2x');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await problemOf(response)).not.toHaveProperty('error');
  });
});
