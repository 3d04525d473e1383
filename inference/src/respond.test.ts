import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ItemResult } from './item.ts';
import { engineMs } from './respond.ts';

const row = { classIds: Int32Array.of(0), scores: Float32Array.of(1) };
const item = (runMs: number, batchSize: number, outcome?: 'hit' | 'miss' | 'shared'): ItemResult => ({
  ...{ row, queueMs: 0, decodeMs: 0, runMs, batchSize },
  ...(outcome && { cache: { outcome, lookupMs: 0 } }),
});

it('says of each call what its items took of their batches, so that all calls together took the runs', () => {
  const batch = fc.record({
    runMs: fc.double({ min: 0, max: 1000, noNaN: true }),
    calls: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 20 }), (batches) => {
      const byCall = new Map<number, ItemResult[]>();
      for (const { runMs, calls } of batches) {
        for (const call of calls) byCall.set(call, [...(byCall.get(call) ?? []), item(runMs, calls.length)]);
      }
      const charged = [...byCall.values()].reduce((sum, results) => sum + engineMs(results), 0);
      expect(charged).toBeCloseTo(
        batches.reduce((sum, { runMs }) => sum + runMs, 0),
        6,
      );
    }),
  );
});

it('is nothing for answers that were known, or that somebody else had run', () => {
  expect(engineMs([item(0, 0, 'hit'), item(30, 2, 'shared')])).toBe(0);
  expect(engineMs([item(30, 2, 'miss'), item(0, 0, 'hit')])).toBe(15);
});
