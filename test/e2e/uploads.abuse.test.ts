import { setTimeout as pause } from 'node:timers/promises';
import { HEADER } from '@headgate/contracts/names';
import { secondsSince } from '@headgate/testkit/eventually';
import { type Headers, httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { chunk, type RawConnection, rawConnection, requestHead } from '@headgate/testkit/raw';
import { describe, expect, inject, it } from 'vitest';
import { expectProblem } from './harness/problem.ts';

const { ready } = inject('stack');
const cat = samplePhoto('chelsea.png');
const { bench: key } = ready.keys;

const KIB = 1024;
const LIMIT_BYTES = 10 * KIB * KIB;
const ANSWER_WITHIN_MS = 8_000;

const head = (headers: Headers) =>
  requestHead('POST', '/predict', { 'content-type': cat.type, [HEADER.apiKey]: key, ...headers });

/** Both ways in: a limit must hold without Envoy as well. */
const ENTRANCES: readonly [string, () => Promise<RawConnection>][] = [
  ['over HTTPS', () => rawConnection(ready.https as string, { caFile: ready.caFile })],
  ['at the gateway itself', () => rawConnection(ready.gateway)],
];

describe.each(ENTRANCES)('An upload %s', (_, connect) => {
  it('that declares more than 10 MiB is refused before any of it is sent', async () => {
    const connection = await connect();
    await connection.write(head({ 'content-length': String(LIMIT_BYTES + 1) }));
    expectProblem(await answerOf(connection), 'body_too_large');
  });

  it('in chunks without a length is refused once it passes 10 MiB', async () => {
    const connection = await connect();
    await connection.write(head({ 'transfer-encoding': 'chunked' }));
    const piece = Buffer.concat([cat.bytes, Buffer.alloc(64 * KIB)]).subarray(0, 64 * KIB);
    for (let sent = 0; sent <= LIMIT_BYTES; sent += piece.length) await connection.write(chunk(piece));
    expectProblem(await answerOf(connection), 'body_too_large');
  });

  it('that is longer than it said is no prediction of more than it said', async () => {
    const connection = await connect();
    await connection.write(head({ 'content-length': '1000' }));
    await connection.write(cat.bytes);
    // Either the first 1,000 bytes are answered, or the rest is found to be no HTTP: whichever is noticed first.
    const answer = await answerOf(connection);
    expectProblem(answer, answer.status === 400 ? 'invalid_request' : 'undecodable_image');
  });

  it('whose declared length never comes is cut when it stalls', async () => {
    const connection = await connect();
    const startMs = performance.now();
    await connection.write(head({ 'content-length': String(LIMIT_BYTES - 1) }));
    await connection.write(cat.bytes.subarray(0, KIB));
    expectProblem(await answerOf(connection), 'upload_timeout');
    console.log(`an upload that stopped was cut after ${secondsSince(startMs)}`);
  });

  it('that trickles is cut at the deadline that the caller named', async () => {
    const connection = await connect();
    await connection.write(head({ 'content-length': String(LIMIT_BYTES - 1), [HEADER.timeoutMs]: '700' }));
    const answer = answerOf(connection);
    for (let piece = 0; piece < 20; piece += 1) {
      await connection.write(cat.bytes.subarray(0, KIB));
      await pause(50);
    }
    expectProblem(await answer, 'upload_timeout');
  });

  it('that the caller abandons leaves the service as it was', async () => {
    const connections = await Promise.all(Array.from({ length: 20 }, connect));
    for (const connection of connections) {
      await connection.write(head({ 'content-length': String(LIMIT_BYTES - 1) }));
      await connection.write(cat.bytes.subarray(0, 8 * KIB));
      connection.close();
    }
    const client = httpsClient(ready);
    expectPrediction(await postPhoto(client, cat, { key }));
    await client.close();
  });
});

describe('A 9.9 MiB upload', () => {
  it.each([
    ['without a key', {}, 'missing_credential'],
    ['with a wrong key', { [HEADER.apiKey]: `hg_nobody_${'x'.repeat(43)}` }, 'wrong_key'],
  ] as const)('%s is refused before more than 64 KiB of it are read', async (_, credential, reason) => {
    for (const [origin, caFile] of [
      [ready.https as string, ready.caFile],
      [ready.gateway, null],
    ] as const) {
      const connection = await rawConnection(origin, { caFile, localAddress: '127.0.0.51' });
      const declared = { 'content-type': cat.type, 'content-length': String(Math.round(9.9 * KIB * KIB)) };
      const request = requestHead('POST', '/predict', { ...declared, ...credential });
      await connection.write(request);
      await connection.write(Buffer.alloc(64 * KIB, 0x41));
      // The answer comes although nothing more is sent: nobody waited for the rest.
      expectProblem(await answerOf(connection), reason);
      expect(connection.sentBytes()).toBe(request.length + 64 * KIB);
    }
  });
});

async function answerOf(connection: RawConnection) {
  const answer = await connection.answer(ANSWER_WITHIN_MS);
  connection.close();
  if (!answer) throw new Error('the connection was closed without an answer');
  return answer;
}
