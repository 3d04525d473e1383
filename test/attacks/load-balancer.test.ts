import { once } from 'node:events';
import { request as plainRequest } from 'node:http';
import { Agent, request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEnvoy } from '../../envoy/test/support/envoy.ts';
import { Entry } from '../../k8s/deploy/entry.ts';
import { FakePrograms } from '../../k8s/deploy/fake-programs.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { FLOODED, type OneGateway, startOneGateway } from './one-gateway.ts';

/** Anonymous requests that an address has per minute. */
const POINTS = 4;
const FORGED = '203.0.113.9';
const QUOTA = JSON.stringify({ points: POINTS, window_s: 60 });

let gateway: OneGateway;
let direct: TestEnvoy;
let byHeader: TestEnvoy;
let byConnection: TestEnvoy;
let balancer: Balancer;
const started: AsyncDisposable[] = [];

async function start<T extends AsyncDisposable>(part: Promise<T>): Promise<T> {
  started.push(await part);
  return part;
}

beforeAll(async () => {
  gateway = await start(
    startOneGateway({ ...FLOODED, HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__ALL: QUOTA }),
  );
  const target = { HEADGATE_ENVOY__GATEWAY_TARGET: `127.0.0.1:${gateway.port}` };
  direct = await start(TestEnvoy.start(target));
  byHeader = await start(
    TestEnvoy.start({
      ...target,
      HEADGATE_ENVOY__XFF_NUM_TRUSTED_HOPS: '1',
      HEADGATE_ENVOY__BALANCERS: '["127.0.0.1/32"]',
    }),
  );
  byConnection = await start(
    TestEnvoy.start({
      ...target,
      HEADGATE_ENVOY__PROXY_PROTOCOL: 'required',
      HEADGATE_ENVOY__BALANCERS: '["127.0.0.0/8"]',
    }),
  );
  balancer = await start(
    startBalancer([
      { kind: 'http', target: byHeader.httpsPort },
      { kind: 'tcp', version: 'V1', target: byConnection.httpsPort },
      { kind: 'tcp', version: 'V2', target: byConnection.httpsPort },
      { kind: 'tcp', target: byConnection.httpsPort },
    ]),
  );
});

afterAll(async () => {
  for (const part of started.reverse()) await part[Symbol.asyncDispose]();
});

interface Way {
  readonly port: number;
  readonly tls: boolean;
}

type Headers = Readonly<Record<string, string>>;

/** An anonymous request. @returns 401, or 429 once the address has used its quota up */
async function ask({ port, tls }: Way, localAddress: string, headers: Headers = {}): Promise<number> {
  const options = { host: '127.0.0.1', port, localAddress, path: '/v1/models', timeout: 5000 };
  const all = { ...options, headers: { host: 'localhost', ...headers } };
  const outgoing = tls
    ? tlsRequest({ ...all, servername: 'localhost', rejectUnauthorized: false, agent: new Agent() })
    : plainRequest({ ...all, agent: false });
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time'))).end();
  const [response] = await once(outgoing, 'response');
  await once(response.resume(), 'end');
  return response.statusCode;
}

async function useUp(way: Way, address: string, headers?: (i: number) => Headers): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < POINTS + 1; i += 1) statuses.push(await ask(way, address, headers?.(i)));
  return statuses;
}

const ALL_BUT_ONE = [...new Array(POINTS).fill(401), 429];

describe.each([
  ['appends X-Forwarded-For', 0, false, 10],
  ['sends the PROXY protocol, version 1', 1, true, 20],
  ['sends the PROXY protocol, version 2', 2, true, 30],
])('behind a proxy that %s', (_, index, tls, net) => {
  const way = (): Way => ({ port: balancer.ports[index] as number, tls });

  it('each client has a quota of its own', async () => {
    expect(await useUp(way(), `127.0.${net}.1`)).toEqual(ALL_BUT_ONE);
    expect(await ask(way(), `127.0.${net}.2`)).toBe(401);
  });

  it.each([
    ['X-Forwarded-For', 'x-forwarded-for', 3],
    ['X-Real-IP', 'x-real-ip', 4],
    ['Forwarded', 'forwarded', 5],
    ['CF-Connecting-IP', 'cf-connecting-ip', 6],
  ])('a forged %s changes nothing', async (_, name, host) => {
    const forged = (i: number) => ({
      [name]: name === 'forwarded' ? `for=203.0.113.${i}` : `203.0.113.${i}, 198.51.100.${i}`,
    });
    expect(await useUp(way(), `127.0.${net}.${host}`, forged)).toEqual(ALL_BUT_ONE);
  });
});

it('without a setting nothing counts that a client sends', async () => {
  const forged = (i: number) => ({ 'x-forwarded-for': `203.0.113.${i}` });
  const way = { port: direct.httpsPort, tls: true };
  expect(await useUp(way, '127.0.40.1', forged)).toEqual(ALL_BUT_ONE);
});

describe('a connection past the balancer', () => {
  it('is refused where the networks of balancers are named', async () => {
    const way = { port: byHeader.httpsPort, tls: true };
    await expect(ask(way, '127.0.50.1', { 'x-forwarded-for': FORGED })).rejects.toThrow();
  });

  it('is refused where the PROXY protocol is required, also by way of a proxy without it', async () => {
    await expect(ask({ port: byConnection.httpsPort, tls: true }, '127.0.50.2')).rejects.toThrow();
    await expect(ask({ port: balancer.ports[3] as number, tls: true }, '127.0.50.3')).rejects.toThrow();
  });
});

it('the check of npm run deploy passes as a balancer on loopback', async () => {
  const { signal } = new AbortController();
  const options = { host: 'localhost', trusted: byConnection.ca, proxyProtocol: true, signal };
  await using entry = new Entry(new FakePrograms([], byConnection.httpsPort), options);
  expect((await entry.ask({ path: '/v1/models' })).status).toBe(401);
});

describe('shares of connections', () => {
  it('go by the address in the PROXY protocol, /64 networks of IPv6 as one', async () => {
    const hosts = Array.from({ length: 16 }, (_, i) => i + 1);
    const sharesOf = async (addresses: readonly string[]) =>
      new Set(await Promise.all(addresses.map(shareOf)));
    expect((await sharesOf(hosts.map((i) => `2001:db8:0:7::${i}`))).size).toBe(1);
    expect((await sharesOf(hosts.map((i) => `2001:db8:0:${i}::1`))).size).toBeGreaterThan(4);
    expect((await sharesOf(hosts.map((i) => `198.51.100.${i}`))).size).toBeGreaterThan(4);
  });

  async function shareOf(address: string): Promise<unknown> {
    const [family, server] = address.includes(':') ? ['TCP6', '2001:db8::'] : ['TCP4', '192.0.2.1'];
    const socket = connect({ host: '127.0.0.1', port: byConnection.httpsPort });
    socket.write(`PROXY ${family} ${address} ${server} 1234 443\r\n`);
    const secure = connectTls({ socket, servername: 'localhost', ca: byConnection.ca });
    secure.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await once(secure.resume(), 'end');
    return (await byConnection.accessEntry(({ client }) => client === address)).share;
  }
});
