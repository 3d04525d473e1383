import { HEADER } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { type Client, httpClient } from '@headgate/testkit/http';
import { closedLoad, type RunningLoad, type Sample, sendAll } from '@headgate/testkit/load';
import { startRedis, type TestRedis } from '@headgate/testkit/services/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LimiterMode } from '../../gateway/src/rate-limit/insured.ts';
import { KEYS } from '../../gateway/src/testing/app-fixture.ts';
import { type Gateways, startGateways } from './gateways.ts';

const GATEWAYS = 3;
/** Requests of a key in an hour, over all gateways: no window ends during a test. */
const LIMIT = 600;
const ONE_PERCENT = LIMIT / 100;
const TIME_LIMIT_MS = 1000;
const CALLERS = 12;
/** Answers in a row without an admitted one that show that a gateway's quota is used up. */
const REFUSALS = 60;
const CHANGED_WITHIN_MS = 30_000;

let redis: TestRedis;
let gateways: Gateways;
beforeAll(async () => {
  redis = await startRedis();
  gateways = await startGateways(GATEWAYS, redis.url, {
    // Of a machine that runs all tests at once: a Redis that gets no CPU for a moment is not one that is down.
    HEADGATE_DEPENDENCIES__REDIS__TIMEOUT_MS: String(TIME_LIMIT_MS),
    HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__ALL: `{ "points": ${LIMIT}, "window_s": 3600 }`,
  });
}, 120_000);
afterAll(async () => {
  await gateways?.close();
  await redis?.close();
}, 60_000);

interface Asked {
  readonly gateway: number;
  readonly status: number;
}

/** Asks the gateways in turn, from an address of its own: a scenario's quota is nobody else's. */
function caller(localAddress: string, key: string) {
  const clients: Client[] = gateways.origins.map((origin) => httpClient(origin, { localAddress }));
  return {
    async ask(index: number): Promise<Asked> {
      const gateway = index % GATEWAYS;
      const call = { method: 'GET' as const, path: '/v1/models', headers: { [HEADER.apiKey]: key } };
      const { status } = (await clients[gateway]?.send(call)) ?? {};
      return { gateway, status: status ?? 0 };
    },
    close: () => Promise.all(clients.map((client) => client.close())),
  };
}

const admitted = (answers: readonly Asked[]) => answers.filter(({ status }) => status === 200).length;
const errors = (answers: readonly Asked[]) =>
  answers.filter(({ status }) => status !== 200 && status !== 429);
const answersOf = (samples: readonly Sample<Asked>[]) => samples.map(({ result }) => result);

/** Waits until every gateway counts in `mode` and has nothing left to give. */
async function usedUp(load: RunningLoad<Asked>, mode: LimiterMode): Promise<void> {
  const allIn = async () => (await gateways.modes()).every((one) => one === mode);
  await eventually(allIn, { what: `mode ${mode}`, withinMs: CHANGED_WITHIN_MS });
  const changedAt = load.samples.length;
  const refused = () => {
    const since = answersOf(load.samples.slice(changedAt));
    return gateways.origins.every((_, gateway) => {
      const last = since.filter((one) => one.gateway === gateway).slice(-REFUSALS);
      return last.length === REFUSALS && admitted(last) === 0;
    });
  };
  await eventually(refused, { what: `quotas used up in mode ${mode}`, withinMs: CHANGED_WITHIN_MS });
}

function latencies(samples: readonly Sample<unknown>[]): string {
  const sorted = samples.map(({ startMs, endMs }) => endMs - startMs).sort((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  const slow = sorted.filter((ms) => ms >= TIME_LIMIT_MS).length;
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, ${slow} of ${sorted.length} waited for the time limit`;
}

describe(`A limit of ${LIMIT} over ${GATEWAYS} gateways on one Redis`, () => {
  it('is what all of them together admit, within one percent', async () => {
    const { ask, close } = caller('127.0.0.70', KEYS.client);
    const answers = await sendAll(CALLERS * 2, LIMIT * 2, ask);
    await close();
    console.log(
      `limit ${LIMIT}, ${GATEWAYS} gateways, ${answers.length} requests: ${admitted(answers)} admitted`,
    );
    expect(errors(answers)).toEqual([]);
    expect(Math.abs(admitted(answers) - LIMIT)).toBeLessThanOrEqual(ONE_PERCENT);
    const served = gateways.origins.map((_, one) =>
      admitted(answers.filter(({ gateway }) => gateway === one)),
    );
    // None of them counted for itself.
    for (const share of served) expect(share).toBeGreaterThan(0);
  });

  it('stays a limit while Redis is killed and started again under load, and no request fails', async () => {
    const { ask, close } = caller('127.0.0.71', KEYS.other);
    const load = closedLoad(CALLERS, ask);
    await usedUp(load, 'shared');
    const before = admitted(answersOf(load.samples));

    const killedAt = load.samples.length;
    await redis.kill();
    await usedUp(load, 'local_share');
    const during = admitted(answersOf(load.samples)) - before;
    const outage = load.samples.slice(killedAt);
    for (const state of await gateways.breakers()) expect(state).toBeGreaterThan(0);

    await redis.start();
    const startedMs = performance.now();
    const allShared = async () => (await gateways.modes()).every((mode) => mode === 'shared');
    await eventually(allShared, { what: 'recovery', withinMs: CHANGED_WITHIN_MS });
    const recovery = secondsSince(startedMs);
    expect(await gateways.breakers()).toEqual([0, 0, 0]);
    await usedUp(load, 'shared');
    const samples = await load.stop();
    await close();
    const after = admitted(answersOf(samples)) - before - during;

    const failed = errors(answersOf(samples));
    console.log(
      `Redis killed: ${samples.length} requests, ${failed.length} failed; admitted ${before} before, ${during} without ` +
        `it (local shares), ${after} after; shared again ${recovery} after its start; without it ${latencies(outage)}`,
    );
    expect(failed).toEqual([]);
    for (const count of [before, during, after]) {
      expect(Math.abs(count - LIMIT)).toBeLessThanOrEqual(ONE_PERCENT);
    }
  });

  it('costs few requests the time limit of a Redis that accepts and says nothing', async () => {
    const { ask, close } = caller('127.0.0.72', KEYS.client);
    const load = closedLoad(CALLERS, ask);
    await usedUp(load, 'shared');
    const pausedAt = load.samples.length;
    redis.pause();
    await usedUp(load, 'local_share');
    const outage = load.samples.slice(pausedAt);
    redis.resume();
    await usedUp(load, 'shared');
    const samples = await load.stop();
    await close();
    console.log(`Redis silent: ${samples.length} requests; meanwhile ${latencies(outage)}`);
    expect(errors(answersOf(samples))).toEqual([]);
  });

  it('never shows where Redis is, nor its password, in a log', () => {
    const { password } = new URL(redis.url);
    expect(password).not.toBe('');
    const logs = gateways.logs();
    expect(logs).toContain('the store of quotas does not answer');
    expect(logs).toContain('quotas are shared again');
    expect(logs).not.toContain(password);
  });
});
