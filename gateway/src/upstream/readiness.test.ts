import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { HealthCheckRequest__Output } from '@headgate/contracts/gen/grpc/grpc/health/v1/HealthCheckRequest';
import type { HealthCheckResponse } from '@headgate/contracts/gen/grpc/grpc/health/v1/HealthCheckResponse';
import { parseRouting } from '@headgate/contracts/routing';
import { loadHealth } from '@headgate/runtime/proto';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Endpoints, type EndpointsOptions } from './endpoints.ts';
import type { Readiness } from './inference.ts';
import { announcer, readinessOf, versionsOf } from './readiness.ts';

type Call = ServerUnaryCall<HealthCheckRequest__Output, HealthCheckResponse>;

/** An endpoint that serves the names in `serving`; undefined = it takes the call and never answers. */
class Endpoint {
  serving: ReadonlySet<string> | undefined;
  /** Names whose next check it does not answer. */
  misses = new Set<string>();
  answered = 0;
  #server: Server | undefined;

  constructor(...serving: string[]) {
    this.serving = new Set(serving);
  }

  async start(port: number): Promise<number> {
    const server = new Server();
    server.addService(loadHealth().Health.service, {
      Check: ({ request }: Call, done: sendUnaryData<HealthCheckResponse>) => {
        if (this.misses.delete(request.service)) return;
        this.answered += 1;
        if (this.serving?.has(request.service)) done(null, { status: 'SERVING' });
        else if (this.serving) done({ code: status.NOT_FOUND });
      },
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      const address = `127.0.0.1:${port}`;
      server.bindAsync(address, ServerCredentials.createInsecure(), (e, p) => (e ? reject(e) : resolve(p)));
    });
  }

  stop() {
    this.#server?.forceShutdown();
  }
}

const table = (versions: string[]) =>
  parseRouting({
    schema: 1,
    default_model: 'm',
    models: {
      m: {
        versions,
        experiment: {
          name: 'e',
          salt: 's',
          variants: versions
            .slice(0, 2)
            .map((version, i) => ({ name: `v${i}`, version, weight: i ? 10 : 90 })),
        },
      },
    },
  });

describe('readiness', () => {
  let endpoints: Endpoint[];
  let routing: ReturnType<typeof table>;
  let followed: Endpoints | undefined;
  let readiness: Readiness | undefined;
  let log: string[];
  let addresses: string[];

  beforeEach(() => {
    routing = table(['1', '2']);
    log = [];
  });

  afterEach(() => {
    followed?.stop();
    for (const endpoint of endpoints) endpoint.stop();
  });

  const follow = (resolve: EndpointsOptions['resolve'], resolveIntervalMs: number) => {
    const source = { current: () => routing };
    const asked = readinessOf(() => followed?.all() ?? [], source);
    readiness = asked;
    followed = new Endpoints({
      resolve,
      services: () => versionsOf(source).map(({ model, version }) => `${model}/${version}`),
      times: { resolveIntervalMs, hurryIntervalMs: 5, intervalMs: 20, quietIntervalMs: 20, timeoutMs: 1000 },
      connection: { messageBytes: 2 ** 20, renewMs: 60_000 },
      onRound: announcer(asked, source, {
        readinessChanged: (model, version, ready) => log.push(`${model}/${version} ${ready}`),
      }),
      onUnresolved: () => log.push('unresolved'),
    });
  };
  const watch = async (...list: Endpoint[]) => {
    endpoints = list;
    addresses = await Promise.all(list.map(async (endpoint) => `127.0.0.1:${await endpoint.start(0)}`));
    follow(async () => addresses, 20);
  };
  const ready = () => ['1', '2', '3'].filter((version) => readiness?.isReady('m', version));
  const becomes = (...versions: string[]) =>
    expect.poll(ready, { interval: 5, timeout: 5000 }).toEqual(versions);

  it('is ready for nothing before the first answer, then for what the endpoint serves', async () => {
    await watch(new Endpoint('m/1'));
    expect(ready()).toEqual([]);
    await becomes('1');
    expect(log).toEqual(['m/1 true']);
  });

  it('follows a version that comes and goes', async () => {
    const endpoint = new Endpoint('m/1');
    await watch(endpoint);
    await becomes('1');
    endpoint.serving = new Set(['m/1', 'm/2']);
    await becomes('1', '2');
    endpoint.serving = new Set(['m/2']);
    await becomes('2');
    expect(log).toEqual(['m/1 true', 'm/2 true', 'm/1 false']);
  });

  it('asks for a version as soon as the routing table names it', async () => {
    await watch(new Endpoint('m/1', 'm/2', 'm/3'));
    await becomes('1', '2');
    routing = table(['1', '2', '3']);
    await becomes('1', '2', '3');
  });

  it('is ready for nothing while the process is gone, and again when it is back', async () => {
    const endpoint = new Endpoint('m/1');
    await watch(endpoint);
    await becomes('1');
    endpoint.stop();
    await becomes();
    await endpoint.start(Number(addresses[0]?.split(':')[1]));
    await becomes('1');
  });

  it('takes a process that hangs for one that is not ready', async () => {
    const endpoint = new Endpoint('m/1');
    await watch(endpoint);
    await becomes('1');
    endpoint.serving = undefined;
    await becomes();
  });

  it('tells who waits for an answer when a process hangs, not when it ends', async () => {
    const [hangs, ends] = [new Endpoint('m/1'), new Endpoint('m/1')];
    await watch(hangs, ends);
    await becomes('1');
    const told: number[] = [];
    for (const [i, endpoint] of (followed?.all() ?? []).entries()) endpoint.onSilent(() => told.push(i));
    ends.stop();
    hangs.serving = undefined;
    await becomes();
    await expect.poll(() => told, { timeout: 5000 }).toContain(0);
    expect(told).not.toContain(1);
  });

  it.each([
    ['one round', ['m/1', 'm/2']],
    ['one check of a round', ['m/1']],
  ])('goes on with a process that misses %s', async (_, missed) => {
    const busy = new Endpoint('m/1');
    await watch(busy);
    await becomes('1');
    let told = 0;
    followed?.all()[0]?.onSilent(() => {
      told += 1;
    });
    busy.misses = new Set(missed);
    await expect.poll(() => busy.misses.size, { timeout: 5000 }).toBe(0);
    const before = busy.answered;
    // The round that it missed ends before it is asked again.
    await expect.poll(() => busy.answered, { timeout: 5000 }).toBeGreaterThan(before + 2);
    expect([log, told]).toEqual([['m/1 true'], 0]);
  });

  it('gives a treatment no traffic until every ready endpoint serves it, but goes on with the control', async () => {
    const [a, b] = [new Endpoint('m/1', 'm/2'), new Endpoint('m/1')];
    routing = table(['1', '2', '3']);
    await watch(a, b);
    await becomes('1');
    b.serving = new Set(['m/1', 'm/2']);
    await becomes('1', '2');
    b.serving = new Set(['m/3']);
    await becomes('1');
    b.serving = new Set();
    a.serving = new Set(['m/2']);
    await becomes('2');
  });

  it('follows the addresses behind the name', async () => {
    const [a, b] = [new Endpoint('m/1', 'm/2'), new Endpoint('m/1')];
    await watch(a, b);
    const [first, second] = addresses as [string, string];
    await becomes('1');
    addresses = [first];
    await becomes('1', '2');
    addresses = [second];
    await becomes('1');
    addresses = [];
    await becomes();
  });

  it('finds the first pod soon where a request waits for it, though the name is resolved rarely', async () => {
    const endpoint = new Endpoint('m/1');
    endpoints = [endpoint];
    let address: string | undefined;
    let asked = 0;
    follow(async () => {
      asked += 1;
      if (address === undefined) throw new Error('no such name');
      return [address];
    }, 60_000);
    await expect.poll(() => asked).toBe(1);
    const hurry = setInterval(() => followed?.hurry(), 1);
    onTestFinished(() => clearInterval(hurry));
    await expect.poll(() => asked).toBeGreaterThan(3);
    address = `127.0.0.1:${await endpoint.start(0)}`;
    await becomes('1');
    expect(log).toEqual(['unresolved', 'm/1 true']);
  });

  it('gives a treatment traffic though the pods of another model do not serve it', async () => {
    await watch(new Endpoint('m/1', 'm/2'), new Endpoint('other/1'));
    await becomes('1', '2');
  });

  it('says once that the name cannot be resolved', async () => {
    endpoints = [];
    follow(() => Promise.reject(new Error('ENOTFOUND')), 5);
    await expect.poll(() => log).toEqual(['unresolved']);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(log).toEqual(['unresolved']);
    expect(ready()).toEqual([]);
  });
});
