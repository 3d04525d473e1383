import { deflateSync, gzipSync } from 'node:zlib';
import { HEADER, METRIC } from '@headgate/contracts/names';
import { type Answer, type Client, type Headers, httpsClient } from '@headgate/testkit/http';
import { scrape, total } from '@headgate/testkit/metrics';
import { type Photo, samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { plainPhoto } from './harness/images.ts';
import { expectInferred, type Form, inferPhotos } from './harness/open-inference.ts';
import { expectOpenInferenceProblem } from './harness/problem.ts';

/** The Open Inference Protocol v2 over REST, through TLS, keys and limits. The quota's share is in client-key.test.ts. */
const { ready } = inject('stack');
const client: Client = httpsClient(ready);
afterAll(() => client.close());

const { bench: key, admin } = ready.keys;
const { model } = ready;
const cat = samplePhoto('chelsea.png');
const FORMS: readonly Form[] = ['json', 'binary'];

const get = (path: string, by = key): Promise<Answer> =>
  client.send({ method: 'GET', path, headers: { [HEADER.apiKey]: by } });
const post = (path: string, body: string | Buffer, headers: Headers = {}): Promise<Answer> =>
  client.send({ path, headers: { [HEADER.apiKey]: key, ...headers }, body });
const json = async (answer: Promise<Answer>): Promise<unknown> => {
  const { status, text } = await answer;
  expect(status, text).toBe(200);
  return JSON.parse(text);
};

describe('Photos sent by the Open Inference Protocol', () => {
  it.each(FORMS)('as %s get the answers that /predict gives them', async (form) => {
    for (const name of ['chelsea.png', 'coffee.png', 'rocket.jpg']) {
      const photo = samplePhoto(name);
      const unit = { [HEADER.unit]: 'alice' };
      const predicted = expectPrediction(await postPhoto(client, photo, { key, unit: 'alice' }));
      const inferred = expectInferred(
        await inferPhotos(client, [photo], { key, model, form, headers: unit }),
      );
      const top = predicted.predictions[0]?.top ?? [];
      expect(inferred.labels).toEqual([top.map(({ label }) => label)]);
      expect(inferred.classIds).toEqual([top.map(({ class_id }) => class_id)]);
      expect(inferred.scores).toEqual([top.map(({ score }) => score)]);
      expect([inferred.version, inferred.parameters.variant]).toEqual([predicted.version, predicted.variant]);
    }
  });

  it('come back in their order when several are in one call, with the id of the caller', async () => {
    const photos = ['coffee.png', 'chelsea.png'].map(samplePhoto);
    const inferred = expectInferred(
      await inferPhotos(client, photos, { key, model, form: 'binary', more: { id: 'both' } }),
    );
    expect(inferred.id).toBe('both');
    for (const [i, photo] of photos.entries()) {
      const alone = expectPrediction(await postPhoto(client, photo, { key, unit: 'alice' })).predictions[0]
        ?.top;
      expect(inferred.labels[i]?.[0]).toBe(alone?.[0]?.label);
    }
  });

  it.each([
    ['gzip', (body: Buffer) => gzipSync(body)],
    ['deflate', (body: Buffer) => deflateSync(body)],
  ])('may be compressed by %s', async (encoding, encode) => {
    const headers = { 'content-encoding': encoding };
    const options = { key, model, form: 'binary' as const, headers, encode };
    expect(expectInferred(await inferPhotos(client, [cat], options)).labels[0]?.length).toBeGreaterThan(0);
  });

  it('are counted as predictions of their variant', async () => {
    const count = async () =>
      total(await scrape(ready.metrics), METRIC.predictions, { model, outcome: 'ok' });
    const before = await count();
    const { parameters } = expectInferred(await inferPhotos(client, [cat], { key, model, form: 'binary' }));
    expect(parameters.variant).toEqual(expect.any(String));
    expect((await count()) - before).toBeGreaterThanOrEqual(1);
  });
});

describe('A version', () => {
  it('answers who may name it, and takes no part in the experiment', async () => {
    const options = { key: admin, model, version: '1', form: 'binary' as const };
    const inferred = expectInferred(await inferPhotos(client, [cat], options));
    expect([inferred.version, inferred.parameters.variant]).toEqual(['1', undefined]);
  });

  it('is refused to other keys', async () => {
    const options = { key, model, version: '1', form: 'binary' as const };
    expectOpenInferenceProblem(await inferPhotos(client, [cat], options), 'scope_missing');
  });
});

describe('What clients ask before they infer', () => {
  it('is answered: health, metadata and configuration', async () => {
    expect(await json(get('/v2/health/live'))).toEqual({ live: true });
    expect(await json(get('/v2/health/ready'))).toEqual({ live: true, ready: true });
    expect(await json(get('/v2'))).toMatchObject({
      name: 'headgate',
      extensions: expect.arrayContaining(['binary_tensor_data', 'statistics']),
    });
    expect(await json(get(`/v2/models/${model}/ready`))).toMatchObject({ name: model, ready: true });
    expect(await json(get(`/v2/models/${model}`))).toMatchObject({
      name: model,
      platform: 'onnxruntime_onnx/cpu',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
      outputs: [{ name: 'label' }, { name: 'score' }, { name: 'class_id', datatype: 'INT32' }],
    });
    expect(await json(get(`/v2/models/${model}/versions/1/config`))).toMatchObject({
      name: model,
      max_batch_size: expect.any(Number),
      dynamic_batching: expect.any(Object),
    });
  });

  it('has a status for a model that does not exist: not ready, and no failure', async () => {
    expectOpenInferenceProblem(await get('/v2/models/nothing/ready'), 'unknown_model');
    expectOpenInferenceProblem(await get('/v2/models/nothing'), 'unknown_model');
    expectOpenInferenceProblem(await get(`/v2/models/${model}/versions/99/ready`), 'unknown_version');
  });
});

describe('What operators ask', () => {
  const headers = { [HEADER.apiKey]: admin };

  it('is answered: statistics and the repository index', async () => {
    const statistics = await json(get(`/v2/models/${model}/stats`, admin));
    expect(statistics).toMatchObject({
      model_stats: expect.arrayContaining([expect.objectContaining({ name: model, version: '1' })]),
    });
    expect(await json(post('/v2/repository/index', '{"ready":true}', headers))).toEqual(
      expect.arrayContaining([{ name: model, version: '1', state: 'READY', reason: '' }]),
    );
  });

  it('does not load models where the routing table decides, and nobody but an admin may try', async () => {
    const load = `/v2/repository/models/${model}/load`;
    expectOpenInferenceProblem(await post(load, '{}', headers), 'model_control_off');
    expectOpenInferenceProblem(await post(load, '{}'), 'scope_missing');
  });
});

describe('A request that cannot be answered', () => {
  const infer = `/v2/models/${model}/infer`;
  const truncated: Photo = { ...cat, bytes: cat.bytes.subarray(0, 1000) };
  const request = (input: object, more: object = {}) =>
    JSON.stringify({
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], data: ['x'], ...input }],
      ...more,
    });

  it.each([
    ['no JSON', '{', 'invalid_request', /^body: /],
    ['another tensor', request({ name: 'img' }), 'invalid_tensor', /^inputs\[0\]\.name: /],
    ['another datatype', request({ datatype: 'FP32', data: [1] }), 'invalid_tensor', /^inputs\[0\]\.datatype: /],
    ['another shape', request({ shape: [1, 1, 1] }), 'invalid_tensor', /^inputs\[0\]\.shape: /],
    ['an unknown output', request({}, { outputs: [{ name: 'logits' }] }), 'invalid_tensor', /^outputs\[0\]\.name: /],
    ['a sequence', request({}, { parameters: { sequence_id: 1 } }), 'invalid_request', /^parameters\.sequence_id: /],
    ['top classes', request({}, { outputs: [{ name: 'label', parameters: { classification: 3 } }] }),
      'invalid_request', /^outputs\[0\]\.parameters\.classification: /],
    ['shared memory', request({ data: null, parameters: { shared_memory_region: 'a' } }),
      'invalid_request', /^inputs\[0\]\.parameters\.shared_memory_region: /],
  ] as const)('because of %s says which field is wrong', async (_what, body, reason, detail) => {
    expect(expectOpenInferenceProblem(await post(infer, body), reason).detail).toMatch(detail);
  }); // biome-ignore format: one row reads as one row

  it.each(FORMS)('because its photo is broken says so, sent as %s', async (form) => {
    expectOpenInferenceProblem(
      await inferPhotos(client, [truncated], { key, model, form }),
      'undecodable_image',
    );
  });

  it('because its header lies about the body says so', async () => {
    const problem = await post(infer, request({}), { [HEADER.inferenceHeaderLength]: '99999' });
    expect(expectOpenInferenceProblem(problem, 'invalid_request').detail).toMatch(
      /^Inference-Header-Content-Length/,
    );
  });

  it('because its time is up is 504', async () => {
    const options = { key, model, form: 'binary' as const, more: { parameters: { timeout: 1 } } };
    expectOpenInferenceProblem(await inferPhotos(client, [cat], options), 'deadline_exceeded');
  });

  it('because it has no key is 401', async () => {
    for (const path of ['/v2', '/v2/health/live', infer]) {
      const answer = await client.send({ method: path === infer ? 'POST' : 'GET', path });
      expectOpenInferenceProblem(answer, 'missing_credential');
    }
  });

  it('because it is larger than Envoy lets through can be read by clients all the same', async () => {
    const body = Buffer.alloc(12 * 1024 * 1024);
    expectOpenInferenceProblem(await post(infer, body), 'body_too_large');
  });

  it('leaves the server unharmed', async () => {
    const photo = await plainPhoto('jpeg');
    expectInferred(await inferPhotos(client, [photo], { key, model, form: 'binary' }));
  });
});
