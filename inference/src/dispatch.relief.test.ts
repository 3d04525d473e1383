import { seededBelow } from '@headgate/testkit/random';
import { describe, expect, it } from 'vitest';
import { simulate } from './testing/simulate.ts';

const ARRIVALS = 2000;
const ENGINES = 2;
const MAX_BATCH = 8;
const expectedMs = (size: number) => 4 + 6 * size;
/** Items per ms of full batches. */
const CAPACITY = (ENGINES * MAX_BATCH) / expectedMs(MAX_BATCH);

/** Two engines whose runs take 0.6 to 1.4 times as long as they expect, so that it is often the wrong one that ends first. */
function underLoad(share: number) {
  const random = seededBelow(1);
  const runMs = (size: number) => expectedMs(size) * (0.6 + random(800) / 1000);
  return simulate({
    maxBatchSize: MAX_BATCH,
    engines: ENGINES,
    times: { runMs, decodeMs: 2 },
    warmUpMs: expectedMs,
    gapMs: 1 / (CAPACITY * share),
    arrivals: ARRIVALS,
    deadlineMs: () => 10_000,
  });
}

describe('taking over what waits behind the run of another engine', () => {
  it.each([0.3, 0.5, 0.7, 0.9, 1])('costs few decodes at %d of the capacity', async (share) => {
    const { calls, decodes } = await underLoad(share);
    const times = calls.map(({ startedMs, endedMs }) => endedMs - startedMs).sort((a, b) => a - b);
    const twice = (100 * (decodes - ARRIVALS)) / ARRIVALS;
    console.log(
      `load ${share}: ${twice.toFixed(1)} % decoded twice, p50 ${times[ARRIVALS / 2]?.toFixed(1)} ms`,
    );
    expect(calls.every(({ outcome }) => outcome === 'ok')).toBe(true);
    expect(decodes).toBeLessThan(1.05 * ARRIVALS);
  });
});
