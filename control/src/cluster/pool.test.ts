import { samplesOf } from '@headgate/runtime/exposition';
import { KubernetesError } from '@headgate/runtime/kubernetes/api';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Stage } from './cold-start.ts';
import { LEASE_TIMES } from './lease.ts';
import { POOL_NAMES, Pool } from './pool.ts';

const IDLE_MS = 60_000;

let clock: ManualClock;
let replicas: number;
let events: string[];
let stages: Readonly<Record<Stage, number>> | undefined;
/** Pages by address; undefined: the process does not answer. */
let gateways: Record<string, string | undefined>;
let inference: Record<string, string | undefined>;
let refuse: boolean;
/** Longest time that the calls of one round may take. */
let callMs: number;

beforeEach(() => {
  clock = new ManualClock();
  [replicas, events, stages, refuse, callMs] = [0, [], undefined, false, 0];
  gateways = { g1: parked(0), g2: parked(0) };
  inference = { other: calls('other', 7) };
});

const parked = (count: number) => `headgate_parked_requests{model="big"} ${count}`;
const calls = (model: string, count: number) =>
  `headgate_inference_requests_total{model="${model}",version="1",outcome="ok"} ${count}`;
const readyPod = (startMs: number, readyMs: number) =>
  [
    `process_start_time_seconds ${Math.round(clock.epochMs() / 1000 + startMs / 1000)}`,
    `headgate_model_ready_timestamp_seconds{model="big",version="1"} ${(clock.epochMs() + readyMs) / 1000}`,
    calls('big', 0),
  ].join('\n');

const scrapeOf = (pages: () => Record<string, string | undefined>) => ({
  figures: () =>
    new Map(
      Object.entries(pages()).flatMap(([address, page]) =>
        page === undefined ? [] : [[address, samplesOf(page, new Set(POOL_NAMES))] as const],
      ),
    ),
  isComplete: () =>
    Object.values(pages()).every((page) => page !== undefined) && Object.keys(pages()).length > 0,
});

function start() {
  let version = 0;
  const pool = new Pool({
    model: 'big',
    deployment: 'headgate-inference-big',
    idleMs: IDLE_MS,
    clock,
    gateways: scrapeOf(() => gateways),
    inference: scrapeOf(() => inference),
    api: {
      namespace: 'shop',
      async call(method, path, { body, timeoutMs = Number.POSITIVE_INFINITY } = {}) {
        callMs += timeoutMs;
        expect(path).toBe('/apis/apps/v1/namespaces/shop/deployments/headgate-inference-big/scale');
        if (refuse) throw new KubernetesError(method, '403', { status: 403 });
        const resourceVersion = String(version);
        if (method === 'GET') return { metadata: { resourceVersion }, spec: { replicas } };
        expect(body).toMatchObject({ metadata: { resourceVersion } });
        version += 1;
        replicas = (body as { spec: { replicas: number } }).spec.replicas;
        return {};
      },
    },
    report: {
      scaled: (_, to) => events.push(`scaled to ${to}`),
      coldStarted: (_, times) => {
        stages = times;
      },
    },
  });
  const pass = async (ms: number, each: () => void = () => undefined) => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.advance(1000);
      each();
      await pool.step();
    }
  };
  return { pool, pass };
}

describe('a pool without pods', () => {
  it('is started by one request that waits at one gateway, once', async () => {
    const { pass } = start();
    await pass(10_000);
    gateways.g2 = parked(1);
    await pass(5000);
    expect([replicas, events]).toEqual([1, ['scaled to 1']]);
  });

  it('is started before another process may lead', async () => {
    const { pass } = start();
    gateways.g1 = parked(1);
    await pass(1000);
    expect(events).toEqual(['scaled to 1']);
    expect(callMs).toBeLessThan(LEASE_TIMES.leaseMs - LEASE_TIMES.renewWithinMs);
  });

  it('is started though another gateway and all inference pods do not answer', async () => {
    [gateways, inference] = [{ g1: undefined, g2: parked(1) }, {}];
    const { pass } = start();
    await pass(1000);
    expect(events).toEqual(['scaled to 1']);
  });

  it('is started in the next round when the API server refuses', async () => {
    const { pass, pool } = start();
    gateways.g1 = parked(3);
    refuse = true;
    await expect(pool.step()).rejects.toThrow('403');
    refuse = false;
    await pass(1000);
    expect(replicas).toBe(1);
  });

  it('is not started after a long idle time by the calls of another model', async () => {
    const { pass } = start();
    let count = 7;
    await pass(10 * IDLE_MS, () => {
      count += 1;
      inference = { other: calls('other', count) };
    });
    expect(events).toEqual([]);
    gateways.g1 = parked(1);
    await pass(1000);
    expect(events).toEqual(['scaled to 1']);
  });
});

describe('a pool with pods', () => {
  beforeEach(() => {
    replicas = 3;
    inference = { a: calls('big', 5), b: calls('big', 9) };
  });

  it('ends after the idle time, not sooner, and once', async () => {
    const { pass } = start();
    await pass(IDLE_MS);
    expect(events).toEqual([]);
    await pass(3 * IDLE_MS);
    expect([replicas, events]).toEqual([0, ['scaled to 0']]);
  });

  it.each<[string, (round: number) => void]>([
    ['calls come', (round) => (inference.b = calls('big', 10 + Math.floor(round / 50)))],
    [
      'a call runs',
      () => (inference.a = `${calls('big', 5)}\nheadgate_inference_in_flight_items{model="big"} 1`),
    ],
    ['a request waits', () => (gateways.g1 = parked(1))],
    ['a gateway does not answer', () => (gateways.g1 = undefined)],
    ['a pod does not answer', () => (inference.b = undefined)],
    ['no gateway is known', () => (gateways = {})],
  ])('goes on while %s', async (_, each) => {
    const { pass } = start();
    let round = 0;
    await pass(3 * IDLE_MS, () => each(round++));
    expect(events).toEqual([]);
  });

  it('that somebody starts by hand ends too', async () => {
    replicas = 0;
    const { pass } = start();
    await pass(2 * IDLE_MS);
    replicas = 1;
    await pass(IDLE_MS);
    expect(events).toEqual(['scaled to 0']);
  });
});

describe('a cold start', () => {
  it('has its stages', async () => {
    const { pass } = start();
    gateways.g1 = parked(2);
    await pass(1000);
    await pass(8000);
    inference.pod = readyPod(-5000, -2000);
    await pass(1000);
    expect(stages).toBeUndefined();
    gateways.g1 = parked(0);
    await pass(1000);
    expect(stages).toEqual({ scale: 0, start: 3, load: 3, answer: 4 });
  });

  it('is complete though the gateway sees the pod before control does', async () => {
    const { pass } = start();
    gateways.g1 = parked(1);
    await pass(1000);
    gateways.g1 = parked(0);
    await pass(3000);
    expect(stages).toBeUndefined();
    inference.pod = readyPod(-2000, -2500);
    await pass(1000);
    expect(stages).toMatchObject({ answer: 0.5 });
  });

  it('that nobody waited for is none', async () => {
    const { pass } = start();
    gateways.g1 = parked(1);
    await pass(1000);
    gateways.g1 = parked(0);
    await pass(15_000);
    inference.pod = readyPod(-1000, -500);
    await pass(5000);
    expect(stages).toBeUndefined();
  });
});
