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
  const found = calibrationSchema.parse(
    calibrationOf({ lone, full }, { decodeMs: [4, 6], runMs: 7 }, machine),
  );
  expect(found).toMatchObject({
    // The engine takes 13 ms for one photo, of which 7 are the run; in full batches 12, so that a run takes 6 each.
    decode_ms: [5, 7],
    run_ms: { 1: 7, 8: 48 },
    gateway: { busy_ms: 1.2, wake_ms: 0.8 },
    client: { busy_ms: 0.4, wake_ms: 0.1 },
  });
  // 20 - 2 - 1.5 - 1 - 0.5 - 6 - 7
  expect(found.wire_ms).toBeCloseTo(2, 6);
});
