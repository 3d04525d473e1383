import { HeadgateError } from '@headgate/contracts/errors';
import { refusedBodyBytes } from '@headgate/contracts/limits';
import { rawConnection } from '@headgate/testkit/raw';
import { afterEach, describe, expect, it } from 'vitest';
import { readIncoming } from './body/read-incoming.ts';
import type { HttpServer } from './server.ts';
import { CONFIG, type Fixture, fixture, KEYS } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';
import { serveApp } from './testing/serve-app.ts';
import type { PredictCall } from './upstream/inference.ts';

let server: HttpServer | undefined;
afterEach(() => server?.drain(0));

async function serve(gateway: Fixture): Promise<number> {
  server = await serveApp(gateway);
  return server.port;
}

function head(headers: Record<string, string | number>): string {
  const all = { host: 'localhost', 'x-api-key': KEYS.bench, 'content-type': 'image/png', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /predict HTTP/1.1\r\n${lines.join('')}\r\n`;
}

const image = pngHeader(8, 8);

describe('over a real connection', () => {
  it('an upload that stops gets its 408', async () => {
    await using socket = await rawConnection(await serve(await fixture()));
    socket.write(head({ 'content-length': 1000, 'x-headgate-timeout-ms': 50 }));
    socket.write(image);
    expect(await socket.answer()).toMatchObject({
      status: 408,
      text: expect.stringContaining('upload_timeout'),
    });
  });

  it('a chunked body that grows too large gets its 413 before it ends', async () => {
    await using socket = await rawConnection(await serve(await fixture()));
    socket.write(head({ 'transfer-encoding': 'chunked' }));
    const piece = new Uint8Array(65_536);
    for (let sent = 0; sent <= CONFIG.limits.body_bytes; sent += piece.length) {
      socket.write('10000\r\n');
      socket.write(piece);
      socket.write('\r\n');
    }
    expect(await socket.answer()).toMatchObject({
      status: 413,
      text: expect.stringContaining('body_too_large'),
    });
  });

  it('a caller without a key is answered while none of its body has come', async () => {
    await using socket = await rawConnection(await serve(await fixture()));
    socket.write(head({ 'x-api-key': 'wrong', 'content-length': CONFIG.limits.body_bytes }));
    expect(await socket.answer()).toMatchObject({ status: 403 });
  });

  it('a refused request whose body comes anyway does not spoil the next one', async () => {
    await using socket = await rawConnection(await serve(await fixture()));
    socket.write(head({ 'x-api-key': 'wrong', 'content-length': image.length }));
    socket.write(image);
    expect(await socket.answer()).toMatchObject({ status: 403 });
    socket.write(head({ 'content-length': image.length }));
    socket.write(image);
    expect(await socket.answer()).toMatchObject({ status: 200 });
  });

  it('a photo that is refused for want of room arrives first, so that its connection serves the next one', async () => {
    const predict = async () => {
      throw new HeadgateError('overloaded', 'full');
    };
    const gateway = await fixture({ predictor: { predict }, random: () => 0 });
    await using socket = await rawConnection(await serve(gateway));
    const photo = new Uint8Array(100_000);
    photo.set(image);
    for (let i = 0; i < 3; i++) {
      socket.write(head({ 'content-length': photo.length }));
      socket.write(photo.subarray(0, 50_000));
      if (i > 0) await expect.poll(() => gateway.seen.shed).toHaveLength(i);
      socket.write(photo.subarray(50_000));
      expect(await socket.answer()).toMatchObject({ status: 503 });
    }
    expect(gateway.seen.bodies).toHaveLength(1);
  });

  it('a header cannot smuggle another one into the answer', async () => {
    await using socket = await rawConnection(await serve(await fixture()));
    socket.write(head({ 'x-request-id': 'a\rx-evil: 1', 'content-length': image.length }));
    socket.write(image);
    const answer = await socket.answer();
    expect(answer?.headers).not.toHaveProperty('x-evil');
  });

  it('a client that hangs up cancels the work that is done for it', async () => {
    const cancelled = Promise.withResolvers<unknown>();
    const predict = ({ deadline: { signal } }: PredictCall) => {
      socket.close();
      return new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          cancelled.resolve(signal.reason);
          reject(signal.reason);
        });
      });
    };
    const gateway = await fixture({ predictor: { predict } });
    const socket = await rawConnection(await serve(gateway));
    socket.write(head({ 'content-length': image.length }));
    socket.write(image);
    expect(await cancelled.promise).toMatchObject({ reason: 'cancelled' });
    await expect.poll(() => gateway.seen.requests).toMatchObject([{ reason: 'cancelled', status: 499 }]);
  });

  it('an upload that is abandoned is a client that went away', async () => {
    const gateway = await fixture();
    const socket = await rawConnection(await serve(gateway));
    socket.write(head({ 'content-length': 1000 }));
    socket.write(image);
    setTimeout(socket.close, 30);
    await expect.poll(() => gateway.seen.requests).toMatchObject([{ reason: 'cancelled' }]);
  });

  it('sixteen images at once raise no warning about listeners', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const predict = ({ deadline: { signal } }: PredictCall) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const port = await serve(await fixture({ predictor: { predict } }));
    const form = new FormData();
    for (let i = 0; i < 16; i++) form.append('image', new Blob([image]), 'a.png');
    const headers = { 'x-api-key': KEYS.bench, 'x-headgate-timeout-ms': '500' };
    const response = await fetch(`http://127.0.0.1:${port}/predict`, { method: 'POST', body: form, headers });
    expect(response.status).toBe(504);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

describe('a body that is held back', () => {
  const expecting = (headers: Record<string, string | number>) =>
    head({ 'content-length': image.length, expect: '100-continue', ...headers });

  it('is invited once identity and quota are settled', async () => {
    await using socket = await rawConnection(await serve(await fixture({ readBody: readIncoming })));
    socket.write(expecting({}));
    expect(await socket.answer()).toMatchObject({ status: 100 });
    socket.write(image);
    expect(await socket.answer()).toMatchObject({ status: 200 });
    socket.write(head({ 'content-length': image.length }));
    socket.write(image);
    expect(await socket.answer()).toMatchObject({ status: 200 });
  });

  it('is invited before a refusal goes out, once the refusal is settled and recorded', async () => {
    const gateway = await fixture({ readBody: readIncoming });
    await using socket = await rawConnection(await serve(gateway));
    socket.write(expecting({ 'x-api-key': 'wrong' }));
    expect(await socket.answer()).toMatchObject({ status: 100 });
    expect(gateway.seen.audit).toMatchObject([{ status: 403 }]);
    socket.write(image);
    expect(await socket.answer()).toMatchObject({ status: 403 });
    socket.write(head({ 'content-length': 0 }));
    expect(await socket.answer()).toMatchObject({ status: 400 });
  });

  it('is not invited where it is too large to be read to its end: the answer goes out at once, and the connection ends', async () => {
    await using socket = await rawConnection(await serve(await fixture({ readBody: readIncoming })));
    socket.write(expecting({ 'content-length': refusedBodyBytes(CONFIG.limits) + 1 }));
    expect(await socket.answer()).toMatchObject({ status: 413, headers: { connection: 'close' } });
    expect(await socket.answer()).toBeUndefined();
  });
});
