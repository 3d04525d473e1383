import { describe, expect, it } from 'vitest';
import { reasonOf } from '../testing/answers.ts';
import { CONFIG, fixture } from '../testing/app-fixture.ts';
import { countedBody, streamed } from '../testing/bodies.ts';
import { pngHeader } from '../testing/images.ts';

const LIMIT = CONFIG.limits.body_bytes;
const IMAGE = { 'content-type': 'image/png' };

/** A body that sends its chunks and then, unless it ends, nothing more. */
function bodyOf(chunks: Iterable<Uint8Array>, { ends = true } = {}): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const { value, done } = iterator.next();
      if (!done) controller.enqueue(value);
      else if (ends) controller.close();
      else return new Promise<void>(() => undefined);
    },
  });
}

/** A PNG header followed by zeros, in chunks. */
function* photo(totalBytes: number, chunkBytes: number): Generator<Uint8Array> {
  const all = new Uint8Array(totalBytes);
  all.set(pngHeader(8, 8));
  for (let at = 0; at < totalBytes; at += chunkBytes)
    yield all.subarray(at, Math.min(totalBytes, at + chunkBytes));
}

describe('a body', () => {
  it.each([
    ['in one piece', LIMIT],
    ['in pieces that fit', 4096],
    ['in pieces that do not fit', 1000],
    ['byte by byte', 1],
  ])('of the largest size arrives whole: %s', async (_, chunkBytes) => {
    const size = chunkBytes === 1 ? 5000 : LIMIT;
    for (const declared of [{}, { 'content-length': String(size) }, { 'content-length': '100' }]) {
      const { send, seen } = await fixture();
      const response = await send('/predict', streamed(bodyOf(photo(size, chunkBytes)), declared));
      expect(response.status).toBe(200);
      const image = seen.calls[0]?.image;
      expect([image?.length, image?.subarray(0, 33)]).toEqual([size, pngHeader(8, 8)]);
    }
  });

  it('that declares too much is refused before anything is read', async () => {
    const { send } = await fixture();
    const body = countedBody();
    const response = await send('/predict', streamed(body.stream, { 'content-length': String(LIMIT + 1) }));
    expect([response.status, await reasonOf(response), body.takenBytes()]).toEqual([
      413,
      'body_too_large',
      0,
    ]);
  });

  it.each([
    ['says nothing of its length', {}],
    ['lies about its length', { 'content-length': '100' }],
    ['says no number', { 'content-length': 'many' }],
  ])('that is too large is refused as soon as it is, when it %s', async (_, headers) => {
    const { send } = await fixture();
    const body = countedBody();
    const response = await send('/predict', streamed(body.stream, headers));
    expect([response.status, await reasonOf(response)]).toEqual([413, 'body_too_large']);
    expect(body.takenBytes()).toBeLessThanOrEqual(LIMIT + 2048);
  });

  it.each([
    ['of no bytes', { method: 'POST', body: new Uint8Array(0), headers: IMAGE }],
    ['that is absent', { method: 'POST', headers: IMAGE }],
    ['that ends at once', streamed(bodyOf([]))],
    ['of empty chunks', streamed(bodyOf([new Uint8Array(0), new Uint8Array(0)]))],
    ['of no bytes in a form', streamed(bodyOf([]), { 'content-type': 'multipart/form-data; boundary=x' })],
  ])('%s is empty', async (_, init) => {
    const { send } = await fixture();
    const response = await send('/predict', init);
    expect([response.status, await reasonOf(response)]).toEqual([400, 'empty_body']);
  });

  it('that is too large is let go of, so that its sender can stop', async () => {
    const { send } = await fixture();
    let released = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(LIMIT)),
      cancel: () => {
        released = true;
      },
    });
    expect((await send('/predict', streamed(body))).status).toBe(413);
    expect(released).toBe(true);
  });

  it('that stops arriving is cut at the deadline of its request when that comes first', async () => {
    const { send } = await fixture();
    const body = bodyOf(photo(1000, 100), { ends: false });
    const response = await send('/predict', streamed(body, { 'x-headgate-timeout-ms': '30' }));
    expect([response.status, await reasonOf(response)]).toEqual([408, 'upload_timeout']);
  });

  it('whose connection breaks is a client that went away', async () => {
    const { send, seen } = await fixture();
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('ECONNRESET')) });
    expect((await send('/predict', streamed(broken))).status).toBe(499);
    expect(seen.requests[0]).toMatchObject({ reason: 'cancelled', cause: new Error('ECONNRESET') });
  });

  it('whose client leaves in the middle of it is let go of', async () => {
    const client = new AbortController();
    const { send, seen } = await fixture();
    let released = false;
    const body = new ReadableStream<Uint8Array>({
      pull: () => client.abort(),
      cancel: () => {
        released = true;
      },
    });
    await send('/predict', { ...streamed(body), signal: client.signal });
    expect(seen.requests[0]?.reason).toBe('cancelled');
    expect(released).toBe(true);
  });
});

describe('a body that is not wanted', () => {
  it.each([
    ['an unknown address', '/nothing', {}, 404],
    ['another method', '/v1/models', {}, 405],
    ['an unknown coding', '/predict', { 'content-encoding': 'br' }, 415],
    ['a version without the role for it', '/v1/models/net/versions/1/predict', {}, 403],
    ['a bad deadline', '/predict', { 'x-headgate-timeout-ms': 'soon' }, 400],
  ])('is not read: %s', async (_, path, headers, status) => {
    const { send } = await fixture();
    const body = countedBody();
    const response = await send(path, streamed(body.stream, headers));
    expect([response.status, body.takenBytes()]).toEqual([status, 0]);
  });
});
