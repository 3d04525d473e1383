import { seeded } from '@headgate/testkit/random';
import { percentile } from '@headgate/testkit/stats';
import { describe, expect, it } from 'vitest';
import { type Calibration, calibrationSchema, runTimes } from './calibration.ts';
import { simulate } from './simulate.ts';

const FREE = { busy_ms: 0, wake_ms: 0 };

/** One engine that takes 10 ms for an item and has nothing else to do. */
const PLAIN = calibrationSchema.parse({
  source: 'made up',
  run_ms: { 1: 10 },
  decode_ms: [0],
  gateway: FREE,
  front: FREE,
  edge: FREE,
  pod: { cores: 1, engines: 1, decode_threads: 1, run_threads: 0 },
});

const ONE = { max_batch_size: 1 };
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('simulate', () => {
  it('waits as an M/D/1 queue does', async () => {
    // Pollaczek-Khinchine: mean wait = rho s / (2 (1 - rho)), with s = 10 ms and rho = 0.7.
    const load = { perSecond: 70 };
    const { latenciesMs } = await simulate({
      calibration: PLAIN,
      batching: ONE,
      load,
      requests: 20_000,
      random: seeded(1),
    });
    const expected = 10 + (0.7 * 10) / (2 * 0.3);
    expect(Math.abs(mean(latenciesMs) / expected - 1)).toBeLessThan(0.05);
  });

  it('answers a lone caller after the sum of all stages', async () => {
    const calibration: Calibration = {
      ...PLAIN,
      decode_ms: [4],
      wire_ms: 2,
      gateway: { busy_ms: 1, wake_ms: 1 },
      front: { busy_ms: 0.5, wake_ms: 0.5 },
      pod: { ...PLAIN.pod, cores: 2, run_threads: 1, shared: true },
    };
    const { latenciesMs } = await simulate({
      calibration,
      load: { callers: 1 },
      requests: 50,
      random: () => 0,
    });
    expect(percentile(latenciesMs, 50)).toBeCloseTo(10 + 4 + 2 + 2 + 1, 6);
  });

  it('answers before the work that follows an answer', async () => {
    const front = { busy_ms: 2, wake_ms: 2 };
    const calibration: Calibration = { ...PLAIN, front, after_share: 0.25 };
    const load = { callers: 1 };
    const { latenciesMs } = await simulate({ calibration, load, requests: 50, random: () => 0 });
    // The next photo comes while the front is busy with the rest of this one.
    const [thereMs, backMs] = [2 * 0.75 * 0.6, 4 * (0.75 * 0.4)];
    expect(percentile(latenciesMs, 50)).toBeCloseTo(10 + thereMs + backMs + 1, 6);
  });

  it('spreads latencies as runs and decodes spread', async () => {
    const calibration: Calibration = { ...PLAIN, run_spread: [0.5, 1.5], decode_ms: [1, 3] };
    const load = { callers: 1 };
    const { latenciesMs } = await simulate({ calibration, load, requests: 2000, random: seeded(6) });
    const counts = [6, 8, 16, 18].map((ms) => latenciesMs.filter((one) => Math.abs(one - ms) < 1e-6).length);
    expect(Math.min(...counts)).toBeGreaterThan(400);
    expect(counts.reduce((sum, count) => sum + count)).toBe(2000);
  });

  it('takes arrivals at given times, of which the last ones count', async () => {
    const arrivalsMs = [0, 100, 101, 300];
    const { latenciesMs, perSecond } = await simulate({
      ...{ calibration: PLAIN, batching: ONE, load: { arrivalsMs }, requests: 3, random: seeded(7) },
    });
    expect(latenciesMs.map(Math.round)).toEqual([10, 19, 10]);
    expect(perSecond).toBeCloseTo(3000 / 210, 6);
  });

  it('shares cores: two engines on one core are as fast as one', async () => {
    const pod = { ...PLAIN.pod, run_threads: 1, engines: 2 };
    const load = { callers: 8 };
    const options = { batching: ONE, load, random: seeded(2), requests: 500 };
    const two = await simulate({ ...options, calibration: { ...PLAIN, pod } });
    expect(Math.abs(two.perSecond - 100)).toBeLessThan(3);
    expect(two.cpuShare).toBeCloseTo(1, 2);
    const slow = { ...PLAIN, run_ms: { 1: 100 }, pod: { ...pod, cores: 2 } };
    const onTwo = await simulate({ ...options, calibration: slow });
    expect(onTwo.perSecond).toBeGreaterThan(17);
    expect(onTwo.perSecond).toBeLessThanOrEqual(20);
  });

  it('fills batches under load, and runs single items without', async () => {
    const calibration: Calibration = { ...PLAIN, run_ms: { 1: 10, 8: 20 } };
    const options = { calibration, random: seeded(3), requests: 2000 };
    const full = await simulate({ ...options, load: { callers: 32 } });
    expect(full.batchSize).toBeGreaterThan(7);
    expect(full.perSecond).toBeGreaterThan(380);
    const calm = await simulate({ ...options, load: { perSecond: 5 } });
    expect(calm.batchSize).toBeLessThan(1.1);
  });

  it('refuses what cannot be in time, as inference does', async () => {
    const load = { perSecond: 300 };
    const options = { calibration: PLAIN, batching: ONE, load, requests: 3000, random: seeded(4) };
    const { refused, latenciesMs } = await simulate({ ...options, deadlineMs: 200 });
    expect(refused).toBeGreaterThan(1500);
    expect(Math.max(...latenciesMs)).toBeLessThanOrEqual(200);
  });

  it('gives the same answer for the same seed', async () => {
    const once = () =>
      simulate({ calibration: PLAIN, load: { perSecond: 50 }, requests: 200, random: seeded(5) });
    expect(await once()).toEqual(await once());
  });
});

describe('runTimes', () => {
  it('lies on the line between measured sizes, and is in proportion beyond them', () => {
    const runMs = runTimes({ run_ms: { 2: 10, 4: 16 } });
    expect([1, 2, 3, 4, 8].map(runMs)).toEqual([5, 10, 13, 16, 32]);
  });
});
