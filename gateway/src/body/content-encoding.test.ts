import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { CONFIG, type Fixture, fixture, KEYS } from '../testing/app-fixture.ts';
import { pngHeader } from '../testing/images.ts';

const MIB = 2 ** 20;
const FORM = Buffer.concat([
  Buffer.from('--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'),
  pngHeader(8, 8),
  Buffer.from('\r\n--x--'),
]);
const TENSORS = JSON.stringify({ inputs: [{ name: 'a', datatype: 'FP32', shape: [1], data: [1] }] });
const FEEDBACK = JSON.stringify({ prediction_id: '0190a000-0000-7000-8000-000000000000' });

/** Every way in for a body: path, Content-Type, body, and the status and reason of an answer that read it. */
const ROUTES = [
  ['/predict', 'image/png', Buffer.from(pngHeader(8, 8)), 200, undefined],
  ['/predict', 'multipart/form-data; boundary=x', FORM, 200, undefined],
  ['/v1/models/net/predict', 'image/png', Buffer.from(pngHeader(8, 8)), 200, undefined],
  ['/v1/models/net/versions/1/predict', 'image/png', Buffer.from(pngHeader(8, 8)), 200, undefined],
  ['/v1/feedback', 'application/json', Buffer.from(FEEDBACK), 400, 'invalid_request'],
  ['/v2/models/net/infer', 'application/json', Buffer.from(TENSORS), 200, undefined],
  ['/v2/models/net/versions/1/infer', 'application/json', Buffer.from(TENSORS), 200, undefined],
  ['/v2/repository/index', 'application/json', Buffer.from('{"ready":true}'), 200, undefined],
] as const;

let app: Fixture;
beforeEach(async () => {
  app = await fixture();
});

async function post(path: string, type: string, encoding: string | undefined, body: Buffer) {
  const headers = {
    'x-api-key': KEYS.admin,
    'content-type': type,
    ...(encoding !== undefined && { 'content-encoding': encoding }),
  };
  const answer = await app.send(path, { method: 'POST', headers, body: new Uint8Array(body) });
  const { reason, detail } = (await answer.json()) as { reason?: string; detail?: string };
  return { status: answer.status, reason, detail, accepts: answer.headers.get('accept-encoding') };
}

describe.each(ROUTES)('the body of %s as %s', (path, type, body, status, reason) => {
  const send = (encoding: string | undefined, sent: Buffer) => post(path, type, encoding, sent);

  it('is read in each coding that is understood', async () => {
    const plain = await send(undefined, body);
    expect(plain).toMatchObject({ status, reason, accepts: null });
    for (const [encoding, sent] of [
      ['gzip', gzipSync(body)],
      ['X-GZip', gzipSync(body)],
      ['deflate', deflateSync(body)],
      ['identity', body],
      ['', body],
      ['identity, gzip', gzipSync(body)],
    ] as const) {
      const { detail, ...answer } = await send(encoding, sent);
      expect([encoding, answer, detail]).toEqual([encoding, { status, reason, accepts: null }, plain.detail]);
    }
  });

  it('is refused in another one, with those that are understood', async () => {
    for (const [encoding, sent] of [
      ['br', brotliCompressSync(body)],
      ['zstd', zstdCompressSync(body)],
      ['compress', body],
      ['utf-8', body],
      ['constructor', body],
      ['gzip, gzip', gzipSync(gzipSync(body))],
      ['deflate, gzip', gzipSync(deflateSync(body))],
    ] as const) {
      expect([encoding, await send(encoding, sent)]).toEqual([
        encoding,
        {
          status: 415,
          reason: 'unsupported_media_type',
          detail: expect.stringMatching(/^Content-Encoding: expected gzip or deflate, once; or send/),
          accepts: 'gzip, deflate',
        },
      ]);
    }
  });

  it('is refused where it is not in the coding that it claims', async () => {
    for (const [encoding, sent] of [
      ['gzip', body],
      ['gzip', gzipSync(body).subarray(0, 15)],
      ['gzip', Buffer.concat([gzipSync(body), Buffer.from('junk')])],
      ['gzip', deflateSync(body)],
      ['deflate', gzipSync(body)],
      ['deflate', deflateRawSync(body)],
    ] as const) {
      const answer = await send(encoding, sent);
      expect(answer).toMatchObject({ status: 400, reason: 'invalid_request' });
      expect(answer.detail).toBe(`body: expected ${encoding}, as Content-Encoding says.`);
    }
  });

  it('is empty when nothing is in it', async () => {
    // This one may be left out.
    const empty = path === '/v2/repository/index' ? { status: 200 } : { status: 400, reason: 'empty_body' };
    expect(await send('gzip', gzipSync(''))).toMatchObject(empty);
  });

  it('is cut at the limit where it would become a thousand times larger, and holds no more memory', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * MIB));
    expect(bomb.byteLength).toBeLessThan(CONFIG.limits.body_bytes);
    const before = process.memoryUsage().arrayBuffers;
    expect(await send('gzip', bomb)).toMatchObject({ status: 413, reason: 'body_too_large' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * MIB);
  });
});

it('counts bytes as they arrive, before they are decoded', async () => {
  const sent = gzipSync(pngHeader(8, 8));
  await post('/predict', 'image/png', 'gzip', sent);
  expect(app.seen.bodies).toEqual([sent.byteLength]);
});
