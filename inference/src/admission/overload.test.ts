import { describe, expect, it } from 'vitest';
import { type Call, capacityOf, type Scenario, simulate } from '../testing/simulate.ts';
import type { SimulatedTimes } from '../testing/simulated-engine.ts';

/** Like a classifier on a CPU core: little is gained by batching, and decoding costs. */
const CPU: SimulatedTimes = { runMs: (size) => 2 + 13 * size, decodeMs: 4 };
const LIMIT = { targetShare: 0.5, windowMs: 100 };

/** Load as a multiple of the capacity, for so many virtual seconds. */
function scenarioOf(load: number, seconds: number, changes: Partial<Scenario> = {}): Scenario {
  const base = {
    maxBatchSize: 8,
    engines: 1,
    times: CPU,
    adaptiveLimit: LIMIT,
    deadlineMs: () => 1000,
    gapMs: 1,
    arrivals: 1,
    ...changes,
  };
  const gapMs = 1000 / (load * capacityOf(base));
  return { ...base, gapMs, arrivals: Math.floor((seconds * 1000) / gapMs) };
}

const count = (calls: readonly Call[], outcome: Call['outcome']) =>
  calls.filter((call) => call.outcome === outcome).length;
/** Calls that ended in a span of virtual time. */
const during = (calls: readonly Call[], fromMs: number, toMs: number) =>
  calls.filter(({ endedMs }) => endedMs >= fromMs && endedMs < toMs);
/** Answers per second in a span of virtual time. */
const goodput = (calls: readonly Call[], fromMs: number, toMs: number) =>
  (count(during(calls, fromMs, toMs), 'ok') * 1000) / (toMs - fromMs);

describe('admission under three times the capacity', () => {
  it.each([1, 2])('keeps %i engines busy with items that are answered in time', async (engines) => {
    const scenario = scenarioOf(3, 15, { engines });
    const { calls, decodes } = await simulate(scenario);
    expect(goodput(calls, 0, 15_000)).toBeGreaterThan(0.93 * capacityOf(scenario));
    // The limit has to find out first.
    const settled = during(calls, 3000, 15_000);
    expect(count(settled, 'expired')).toBe(0);
    const latencies = settled.filter(({ outcome }) => outcome === 'ok').map((c) => c.endedMs - c.startedMs);
    expect(Math.max(...latencies)).toBeLessThan(1000);
    expect(decodes - count(calls, 'ok')).toBeLessThan(0.08 * decodes);
  });

  it('refuses at once, so that nobody waits for a refusal', async () => {
    const { calls } = await simulate(scenarioOf(3, 5));
    const refused = calls.filter(({ outcome }) => outcome === 'refused');
    expect(refused.length).toBeGreaterThan(0.5 * calls.length);
    // Noticed within one step of the simulation.
    expect(Math.max(...refused.map((call) => call.endedMs - call.startedMs))).toBeLessThan(5);
  });

  it.each([250, 500])(
    'answers more in time with the limit that adapts, under deadlines of %i ms',
    async (ms) => {
      const adaptive = scenarioOf(3, 15, { deadlineMs: () => ms });
      const goodputs: number[] = [];
      for (const adaptiveLimit of [LIMIT, undefined]) {
        const { calls } = await simulate({ ...adaptive, adaptiveLimit });
        goodputs.push(goodput(calls, 3000, 15_000) / capacityOf(adaptive));
      }
      const [withLimit, without] = goodputs as [number, number];
      expect(withLimit).toBeGreaterThan(0.95);
      expect(without).toBeLessThan(withLimit - 0.1);
    },
  );

  it('follows an engine that becomes half as fast, and fast again', async () => {
    const slow = (nowMs: number) => nowMs >= 10_000 && nowMs < 20_000;
    const runMs = (size: number, nowMs: number) => CPU.runMs(size, nowMs) * (slow(nowMs) ? 2 : 1);
    const scenario = scenarioOf(3, 30, { times: { ...CPU, runMs } });
    const { calls } = await simulate(scenario);
    const capacity = capacityOf(scenario);
    expect(goodput(calls, 13_000, 20_000)).toBeGreaterThan(0.95 * (capacity / 2));
    expect(count(during(calls, 14_000, 20_000), 'expired')).toBe(0);
    expect(goodput(calls, 23_000, 30_000)).toBeGreaterThan(0.95 * capacity);
  });

  it('lets callers with patience queue as far as there is room', async () => {
    const scenario = scenarioOf(3, 10, { deadlineMs: () => 10_000 });
    const { calls, limit } = await simulate(scenario);
    expect(limit).toBe(2 * 8 + 64);
    expect(count(calls, 'expired')).toBe(0);
  });
});

describe('admission without overload', () => {
  it('refuses nobody at 80 % of the capacity', async () => {
    const { calls } = await simulate(scenarioOf(0.8, 20));
    expect(count(calls, 'ok')).toBe(calls.length);
  });

  it('takes a burst on an idle server for what it is', async () => {
    const { calls } = await simulate({ ...scenarioOf(1, 1), gapMs: 0.01, arrivals: 40 });
    expect(count(calls, 'ok')).toBe(40);
  });

  it('finds out by itself that an estimate was far too long', async () => {
    const warmUpMs = (size: number) => 100 * CPU.runMs(size, 0);
    const scenario = scenarioOf(0.8, 20, { warmUpMs });
    const { calls } = await simulate(scenario);
    expect(count(during(calls, 0, 4000), 'ok')).toBe(0);
    const late = during(calls, 12_000, 20_000);
    expect(count(late, 'ok')).toBe(late.length);
  });
});
