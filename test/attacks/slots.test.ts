import { setTimeout as pause } from 'node:timers/promises';
import { HEADER } from '@headgate/contracts/names';
import { type RawConnection, rawConnection, requestHead } from '@headgate/testkit/raw';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS } from '../../gateway/src/testing/app-fixture.ts';
import { FLOODED, type OneGateway, startOneGateway } from './one-gateway.ts';
import { othersWhile } from './others.ts';

const MIB = 2 ** 20;

let gateway: OneGateway;
beforeAll(async () => {
  gateway = await startOneGateway(FLOODED);
});
afterAll(() => gateway?.[Symbol.asyncDispose]());

/** Requests of one key whose bodies never end. */
async function slowBodies(count: number, declaredBytes: number): Promise<RawConnection[]> {
  const head = requestHead('POST', '/predict', {
    'content-type': 'image/png',
    'content-length': String(declaredBytes),
    [HEADER.apiKey]: KEYS.bench,
  });
  const connections: RawConnection[] = [];
  for (let i = 0; i < count; i += 50) {
    const some = Array.from({ length: Math.min(50, count - i) }, () =>
      rawConnection(gateway.port, { localAddress: '127.0.0.61' }),
    );
    connections.push(...(await Promise.all(some)));
  }
  await Promise.all(connections.map((connection) => connection.write(`${head}xxxx`)));
  return connections;
}

describe('slow bodies of one key', () => {
  it.each([
    ['more than there are slots', 600, 1000, 256],
    ['more than there is memory', 300, 10 * MIB, 26],
  ])('take no room from others: %s', async (_, count, bytes, granted) => {
    const connections = await slowBodies(count, bytes);
    const answers = connections.map((connection) => connection.answer(3000).catch(() => undefined));
    const seen = await othersWhile(gateway.client('127.0.0.62'), () => pause(2500));
    for (const connection of connections) connection.close();
    const refused = (await Promise.all(answers)).filter((answer) => answer?.status === 429).length;
    console.log(`${seen.failed} of ${seen.sent} requests of others failed; ${refused} of ${count} refused`);
    expect([seen.failed, refused]).toEqual([0, count - granted]);
    expect(seen.sent).toBeGreaterThan(50);
  });
});

describe('an upload over a slow line', () => {
  const KIB = 1024;
  /** Sends `bytes` at `rate` bytes a second, then waits for the answer. */
  const upload = async (bytes: number, { rate, sends }: { rate: number; sends: number }) => {
    const connection = await rawConnection(gateway.port, { localAddress: '127.0.0.63' });
    const head = requestHead('POST', '/predict', {
      'content-type': 'image/png',
      'content-length': String(bytes),
      [HEADER.apiKey]: KEYS.bench,
      [HEADER.timeoutMs]: '30000',
    });
    const startMs = performance.now();
    await connection.write(head);
    for (let sent = 0; sent < sends; sent += rate / 10) {
      await connection.write(Buffer.alloc(Math.min(rate / 10, bytes - sent)));
      await pause(100);
    }
    const answer = await connection.answer();
    connection.close();
    return { status: answer?.status, seconds: (performance.now() - startMs) / 1000, text: answer?.text };
  };

  it('may take the time that its caller grants, as long as it goes on', async () => {
    const seconds = process.env.E2E_FULL ? 12 : 6;
    const bytes = seconds * 300 * KIB;
    const { status, seconds: took } = await upload(bytes, { rate: 300 * KIB, sends: bytes });
    // It arrived whole: it is refused for being no image.
    expect(status).toBe(415);
    expect(took).toBeGreaterThan(seconds);
  });

  it('is cut when it stalls, long before that', async () => {
    const stalled = await upload(600 * KIB, { rate: 300 * KIB, sends: 60 * KIB });
    expect(stalled).toMatchObject({ status: 408, text: expect.stringContaining('upload_timeout') });
    expect(stalled.seconds).toBeLessThan(15);
  });
});
