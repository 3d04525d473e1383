import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { type Answer, type Call, type Headers, httpsClient } from '@headgate/testkit/http';
import { multipart } from '@headgate/testkit/multipart';
import { type Photo, samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto, postPhotos } from '@headgate/testkit/predict';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { plainPhoto, pngThatClaims } from './harness/images.ts';
import { expectProblem } from './harness/problem.ts';

const { ready } = inject('stack');
const client = httpsClient(ready);
afterAll(() => client.close());

const { bench: key } = ready.keys;
const cat = samplePhoto('chelsea.png');
const text: Photo = { name: 'notes.png', type: 'image/png', bytes: Buffer.from('not an image at all') };
const bomb = pngThatClaims(20_000, 20_000);
const truncated: Photo = { ...cat, bytes: cat.bytes.subarray(0, cat.bytes.length / 2) };
let jpeg: Photo;
let gif: Photo;
let tiff: Photo;

beforeAll(async () => {
  [jpeg, gif, tiff] = await Promise.all([plainPhoto('jpeg'), plainPhoto('gif'), plainPhoto('tiff')]);
});

const post = (body: Buffer | string, headers: Headers, path = '/predict'): Promise<Answer> =>
  client.send({ path, headers: { [HEADER.apiKey]: key, ...headers }, body });

const raw = (photo: Photo, type = photo.type, path?: string) =>
  post(photo.bytes, { 'content-type': type }, path);

function form(parts: Parameters<typeof multipart>[0]): Promise<Answer> {
  const { body, contentType } = multipart(parts);
  return post(body, { 'content-type': contentType });
}

/** Every row of the list: what is sent, and the reason of the problem that answers it. */
// biome-ignore format: one row reads as one row
const ROWS: readonly [string, Reason, () => Promise<Answer>][] = [
  ['text that is declared as PNG', 'unsupported_media_type', () => raw(text)],
  ['a GIF', 'unsupported_media_type', () => raw(gif)],
  ['a TIFF that is declared as JPEG', 'unsupported_media_type', () => raw(tiff, 'image/jpeg')],
  ['JSON', 'unsupported_media_type', () => post('{}', { 'content-type': 'application/json' })],
  ['a truncated PNG', 'undecodable_image', () => raw(truncated)],
  ['a truncated JPEG', 'undecodable_image', () =>
    raw({ ...jpeg, bytes: jpeg.bytes.subarray(0, jpeg.bytes.length - 200) })],
  ['only the magic bytes of a PNG', 'undecodable_image', () => raw({ ...cat, bytes: cat.bytes.subarray(0, 8) })],
  ['a header that claims 400 megapixels', 'image_too_large', () => raw(bomb)],
  ['a header that claims 40 megapixels and one row', 'image_too_large', () => raw(pngThatClaims(8000, 5001))],
  ['an empty body', 'empty_body', () => post('', { 'content-type': 'image/png', 'content-length': '0' })],
  ['an unknown model', 'unknown_model', () => raw(cat, cat.type, '/v1/models/no-such-model/predict')],
  ['a model named like a property of every object', 'unknown_model', () =>
    raw(cat, cat.type, '/v1/models/constructor/predict')],
  ['an address where there is nothing', 'not_found', () => raw(cat, cat.type, '/v1/nothing')],
  ['a multipart type without a boundary', 'malformed_multipart', () =>
    post('--x\r\n\r\n--x--', { 'content-type': 'multipart/form-data' })],
  ['a multipart body that never ends', 'malformed_multipart', () =>
    post('--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nabc', {
      'content-type': 'multipart/form-data; boundary=x',
    })],
  ['a multipart body that is none', 'malformed_multipart', () =>
    post('hello', { 'content-type': 'multipart/form-data; boundary=x' })],
  ['17 images', 'too_many_images', () =>
    form(Array.from({ length: 17 }, () => ({ name: 'image', filename: 'a.jpg', type: jpeg.type, data: jpeg.bytes })))],
];

describe('Bad input gets a clear problem body', () => {
  it.each(ROWS)('for %s: %s', async (_, reason, send) => {
    expectProblem(await send(), reason);
  });

  it('for a method that is not served, with what is', async () => {
    const answer = await client.send({ method: 'GET', path: '/predict', headers: { [HEADER.apiKey]: key } });
    expectProblem(answer, 'method_not_allowed');
    expect(answer.headers.allow).toMatch(/POST/);
  });

  it('for a version that is not served: 404', async () => {
    const path = `/v1/models/${ready.model}/versions/99/predict`;
    expectProblem(await postPhoto(client, cat, { key: ready.keys.admin, path }), 'unknown_version');
  });

  it('quickly for a decompression bomb, whatever it claims', async () => {
    const startMs = performance.now();
    for (const side of [6_400, 20_000, 65_535, 1_000_000]) {
      expectProblem(await raw(pngThatClaims(side, side)), 'image_too_large');
    }
    console.log(`four decompression bombs were refused in ${(performance.now() - startMs).toFixed(0)} ms`);
  });
});

describe('Several images in one request', () => {
  it('are 16 at most, each with its own answer in its own place', async () => {
    const answer = await postPhotos(client, new Array<Photo>(16).fill(jpeg), { key });
    const { predictions } = expectPrediction(answer);
    expect(predictions.map(({ index, top }) => [index, top !== undefined])).toEqual(
      Array.from({ length: 16 }, (_, index) => [index, true]),
    );
  });

  it('let one bad image fail alone', async () => {
    const answer = await postPhotos(client, [cat, truncated, text, bomb, jpeg], { key });
    const { predictions } = expectPrediction(answer);
    expect(predictions.map(({ error }) => error?.reason)).toEqual([
      undefined,
      'undecodable_image',
      'unsupported_media_type',
      'image_too_large',
      undefined,
    ]);
    expect(predictions[0]?.top?.[0]?.class_id).toBe((await top(cat)).class_id);
  });

  it('are answered with the most severe problem when all are bad', async () => {
    expectProblem(await postPhotos(client, [text, bomb], { key }), 'unsupported_media_type');
    expectProblem(await postPhotos(client, [bomb, truncated, text], { key }), 'undecodable_image');
  });
});

async function top(photo: Photo) {
  const [best] = expectPrediction(await postPhotos(client, [photo], { key })).predictions[0]?.top ?? [];
  if (!best) throw new Error('no prediction');
  return best;
}

/** Wrong credentials are counted by address: these come from one that nobody else uses. */
describe('A credential', () => {
  const elsewhere = httpsClient(ready, { localAddress: '127.0.0.50' });
  afterAll(() => elsewhere.close());
  const send = (headers: Headers, call: Partial<Call> = {}) =>
    elsewhere.send({
      path: '/predict',
      headers: { 'content-type': cat.type, ...headers },
      body: cat.bytes,
      ...call,
    });

  it('that is missing is 401, and the answer says which one is wanted', async () => {
    const answer = await send({});
    expectProblem(answer, 'missing_credential');
    expect(answer.headers['www-authenticate']).toMatch(/\S/);
  });

  it.each([
    ['of nobody', `hg_nobody_${'x'.repeat(43)}`],
    ['with a wrong secret', key.replace(/.{8}$/, '00000000')],
    ['that looks like none', 'letmein'],
  ])('%s is 403', async (_, wrong) => {
    expectProblem(await send({ [HEADER.apiKey]: wrong }), 'wrong_key');
  });

  it('is asked for before anything is said about the address', async () => {
    expectProblem(await send({}, { path: '/v1/models/no-such-model/predict' }), 'missing_credential');
  });
});
