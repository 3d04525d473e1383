import { rawConnection } from '@headgate/testkit/raw';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIncoming } from './body/read-incoming.ts';
import type { HttpServer } from './server.ts';
import { type Fixture, fixture, KEYS } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';
import { serveApp } from './testing/serve-app.ts';

/**
 * Requests about whose end two parsers could disagree (RFC 9112, 11.2). Envoy refuses them first (test/e2e, envoy/test);
 * this is the gateway without it. A second request that hides in the first one must never be answered.
 */

let gateway: Fixture;
let server: HttpServer;
beforeAll(async () => {
  gateway = await fixture({ readBody: readIncoming });
  server = await serveApp(gateway);
});
afterAll(() => server.drain(0));

const HIDDEN = `GET /v1/models?hidden HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${KEYS.admin}\r\n\r\n`;

/** Sends a request with these header lines and a body in which another request hides; answers every status. */
async function statusesOf(lines: readonly string[], body: string): Promise<number[]> {
  await using socket = await rawConnection(server.port);
  const head = [
    'POST /predict HTTP/1.1',
    'host: localhost',
    `x-api-key: ${KEYS.bench}`,
    'content-type: image/png',
    ...lines,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  const statuses: number[] = [];
  for (;;) {
    const answer = await socket.answer();
    if (!answer) return statuses;
    statuses.push(answer.status);
  }
}

describe('a request whose end is in doubt', () => {
  it.each([
    ['both a length and chunks', ['content-length: 4', 'transfer-encoding: chunked'], `0\r\n\r\n${HIDDEN}`],
    ['chunks and then a length', ['transfer-encoding: chunked', 'content-length: 4'], `0\r\n\r\n${HIDDEN}`],
    ['two lengths that differ', ['content-length: 0', `content-length: ${HIDDEN.length}`], HIDDEN],
    ['a list of lengths', [`content-length: 0, ${HIDDEN.length}`], HIDDEN],
    ['a length with a sign', ['content-length: +0'], HIDDEN],
    ['a length in hexadecimal', ['content-length: 0x0'], HIDDEN],
    ['a negative length', ['content-length: -1'], HIDDEN],
    ['an encoding that is not the last one', ['transfer-encoding: chunked, identity'], `0\r\n\r\n${HIDDEN}`],
    ['an encoding that nobody knows', ['transfer-encoding: xchunked'], `0\r\n\r\n${HIDDEN}`],
    ['a space before the colon', ['transfer-encoding : chunked'], `0\r\n\r\n${HIDDEN}`],
    ['a folded header line', ['x-fold: a', ' transfer-encoding: chunked'], `0\r\n\r\n${HIDDEN}`],
    ['a chunk size that lies', ['transfer-encoding: chunked'], `-1\r\n\r\n${HIDDEN}`],
    ['a chunk size without an end', ['transfer-encoding: chunked'], `${'f'.repeat(20)}\r\n${HIDDEN}`],
    ['a NUL in a header', ['x-nul: a\0b'], HIDDEN],
    ['a bare carriage return in a header', ['x-cr: a\rcontent-length: 0'], HIDDEN],
  ])('is refused once, and its connection closed: %s', async (_, lines, body) => {
    const [before, audited] = [gateway.seen.requests.length, gateway.seen.audit.length];
    expect(await statusesOf(lines, body)).toEqual([400]);
    expect([gateway.seen.requests.length - before, gateway.seen.audit.length - audited]).toEqual([1, 1]);
    expect(gateway.seen.audit.at(-1)).toMatchObject({ status: 400, reason: 'invalid_request' });
    expect(gateway.seen.requests.some(({ route }) => route === '/v1/models')).toBe(false);
  });

  it('is none where the length is true: what follows is a request of its own, with an identity of its own', async () => {
    await using socket = await rawConnection(server.port);
    const image = pngHeader(8, 8);
    const head = `POST /predict HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${KEYS.bench}\r\ncontent-type: image/png\r\n`;
    socket.write(`${head}content-length: ${image.length}\r\n\r\n`);
    socket.write(image);
    socket.write('GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect([(await socket.answer())?.status, (await socket.answer())?.status]).toEqual([200, 401]);
  });
});

describe('a header that is sent twice', () => {
  it.each([
    ['the key', [`x-api-key: ${KEYS.admin}`], 403],
    [
      'the boundary',
      ['content-type: multipart/form-data; boundary=a', 'content-type: multipart/form-data; boundary=b'],
      400,
    ],
    ['the time budget', ['x-headgate-timeout-ms: 100', 'x-headgate-timeout-ms: 200'], 400],
  ])('is not resolved in favour of either value: %s', async (_, lines, status) => {
    expect(await statusesOf([...lines, 'content-length: 0', 'connection: close'], '')).toEqual([status]);
  });
});
