import { calibrationSchema } from '@headgate/simulator/calibration';
import { expect, it } from 'vitest';
import type { Series } from '../bench/series.ts';
import { calibrationOf } from './calibrate.ts';

/** One round of a hundred answers. */
function series(cpuMsOfAnswer: Record<string, number>, clientMs: number, latencyMs: number): Series {
  const cpuMsOfPart = Object.fromEntries(Object.entries(cpuMsOfAnswer).map(([part, ms]) => [part, 100 * ms]));
  const measured = {
    latencies: [latencyMs],
    windowMs: 1000,
    answered: 100,
    failures: {},
    cpuMs: 100 * clientMs,
  };
  return { name: 'load', runs: [{ measured, usage: { cpuMs: 0, cpuMsOfPart, peakBytes: 0 } }] };
}

it('splits the time of a lone caller into stages, and reads what full batches cost', () => {
  const lone = series({ gateway: 2, front: 1.5, Envoy: 1, engine: 13 }, 0.5, 20);
  const full = series({ gateway: 1.2, front: 0.5, Envoy: 0.5, engine: 12 }, 0.4, 200);
  const machine = { source: 'a test', cores: 2, maxBatchSize: 8 };
  const stages = Array.from({ length: 100 }, (_, i) => ({ decode: i < 50 ? 4 : 6, run: i % 2 ? 6 : 8 }));
  const found = calibrationSchema.parse(calibrationOf({ lone, full }, stages, machine));
  expect(found).toMatchObject({
    // In full batches the engine takes 12 ms for each photo, of which 5 are the decode.
    run_ms: { 1: 7, 8: 56 },
    gateway: { busy_ms: 1.2, wake_ms: 0.8 },
    client: { busy_ms: 0.4, wake_ms: 0.1 },
  });
  expect(new Set(found.decode_ms)).toEqual(new Set([4, 6]));
  expect(new Set(found.run_spread)).toEqual(new Set([0.857, 1.143]));
  // 20 - 12 are the way, of which 2 + 1.5 + 1 + 0.5 use a core.
  expect([found.wire_ms, found.after_share]).toEqual([3, 0]);
});

it('takes for later what a lone caller does not wait for', () => {
  const lone = series({ gateway: 4, front: 2, Envoy: 1, engine: 13 }, 1, 16);
  const machine = { source: 'a test', cores: 2, maxBatchSize: 8 };
  const found = calibrationOf({ lone, full: lone }, [{ decode: 4, run: 6 }], machine);
  expect([found.wire_ms, found.after_share]).toEqual([0, 0.25]);
});
