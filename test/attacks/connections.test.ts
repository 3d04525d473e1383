import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { portOf } from '@headgate/contracts/names';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEnvoy } from '../../envoy/test/support/envoy.ts';
import { Upstream } from '../../envoy/test/support/upstream.ts';
import type { CrowdOptions } from './crowd.ts';
import {
  askWhile,
  type Door,
  internalDoor,
  probesDoor,
  publicDoor,
  redirectDoor,
  startCrowd,
  strangers,
} from './edge.ts';

const FULL = process.env.E2E_FULL === '1';
const ATTACKER = '127.0.0.66';
const OTHERS = Array.from({ length: 24 }, (_, i) => `127.0.1.${i + 1}`);
/** Half the crowd: the listener would be full without shares. */
const MAX_CONNECTIONS = FULL ? 10_000 : 640;
const COUNT = FULL ? 10_000 : 700;
const MEASURE_MS = FULL ? 10_000 : 1500;

let envoy: TestEnvoy;
let upstream: Upstream;
let others: readonly string[];
let slow: Promise<number[]>;

beforeAll(async () => {
  envoy = await TestEnvoy.start({ HEADGATE_ENVOY__MAX_CONNECTIONS: String(MAX_CONNECTIONS) });
  upstream = await Upstream.listen(envoy);
  others = await strangers(envoy, ATTACKER, OTHERS);
  slow = Promise.all([
    lifeOf(envoy.redirectPort, HEADERS),
    lifeOf(envoy.httpsPort, CLIENT_HELLO),
    lifeOf(portOf(envoy.config.listen.port_base, 'internalGrpcMtls'), CLIENT_HELLO),
  ]);
});

afterAll(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await envoy?.[Symbol.asyncDispose]();
});

const ofTheAttacker = (kind: CrowdOptions['kind'], { port }: Door): CrowdOptions => ({
  ...{ host: '127.0.0.1', port, localAddress: ATTACKER, count: COUNT, kind },
});

const HEADERS = 'GET / HTTP/1.1\r\nX-Slow: ';
/** The begin of a record of 512 bytes. */
const CLIENT_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

/** Milliseconds until a connection is closed that sends one byte per second. */
async function lifeOf(port: number, begin: string | Buffer): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.2.1' });
  await once(socket, 'connect');
  const start = performance.now();
  socket.write(begin);
  const timer = setInterval(() => socket.write('x'), 1000);
  await new Promise((resolve) =>
    socket
      .resume()
      .on('error', () => undefined)
      .on('close', resolve),
  );
  clearInterval(timer);
  return performance.now() - start;
}

describe('more connections from one address than the public listener takes', () => {
  it.each(['nothing', 'handshake', 'half a request', 'a request'] as const)(
    'do not keep others out, nor slow them down: each sends %s',
    async (kind) => {
      const door = publicDoor(envoy);
      const usual = await askWhile(door, others, () => pause(MEASURE_MS));
      await using crowd = startCrowd(ofTheAttacker(kind, door));
      const { open } = await crowd.report();
      const seen = await askWhile(door, others, () => pause(MEASURE_MS));
      console.log(
        `${open} of ${COUNT} open, ${seen.failed} of ${seen.sent} requests of others failed,`,
        `p50 ${usual.p50Ms.toFixed(1)} -> ${seen.p50Ms.toFixed(1)} ms,`,
        `p99 ${usual.p99Ms.toFixed(1)} -> ${seen.p99Ms.toFixed(1)} ms`,
      );
      expect(open).toBeLessThanOrEqual(MAX_CONNECTIONS / 32);
      expect(seen.failed).toBe(0);
      expect(seen.sent).toBeGreaterThan(10);
    },
  );
});

/** Here a share is an eighth, and who shares with the attacker is not known: most others do not. */
it.each([
  ['redirect', redirectDoor, FULL ? 125 : 10],
  ['internal gRPC', internalDoor, FULL ? 125 : 10],
  ['probes', probesDoor, 12],
])(
  'more connections from one address than the %s listener takes leave others alone',
  async (_, doorOf, share) => {
    const door = doorOf(envoy);
    await using crowd = startCrowd(ofTheAttacker('nothing', door));
    const { open } = await crowd.report();
    const served = await Promise.all(OTHERS.map((address) => door.serves(address).catch(() => false)));
    console.log(
      `${open} of ${COUNT} open; ${served.filter(Boolean).length} of ${OTHERS.length} others served`,
    );
    expect(open).toBeLessThanOrEqual(share);
    expect(served.filter(Boolean).length).toBeGreaterThanOrEqual(OTHERS.length / 2);
  },
);

it('a connection that sends a byte of its headers or handshake per second is closed after 10 s', async () => {
  for (const ms of await slow) {
    expect(ms).toBeGreaterThan(9000);
    expect(ms).toBeLessThan(20_000);
  }
}, 20_000);

it('more requests from one address than one Envoy lets through leave others alone', async () => {
  await using busy = await TestEnvoy.start({ HEADGATE_ENVOY__LOCAL_RATE_PER_S: '10' });
  await using _ = await Upstream.listen(busy);
  const door = publicDoor(busy);
  const theirs = await strangers(busy, ATTACKER, OTHERS);
  const flood = await Promise.all(Array.from({ length: 250 }, () => door.serves(ATTACKER)));
  const served = await Promise.all(theirs.map((address) => door.serves(address)));
  expect(flood.filter(Boolean).length).toBeLessThan(flood.length);
  expect(served).toEqual(theirs.map(() => true));
});
