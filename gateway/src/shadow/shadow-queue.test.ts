import { systemClock } from '@headgate/runtime/clock';
import { array, assert, asyncProperty, constant, integer, oneof } from 'fast-check';
import { expect, it } from 'vitest';
import { noRecorder } from '../store/recorder.ts';
import { PREDICTION } from '../testing/app-fixture.ts';
import type { Prediction } from '../upstream/inference.ts';
import { ShadowQueue } from './shadow-queue.ts';

const MIB = 2 ** 20;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A queue whose runs end when the test says so, and the memory that its copies hold. */
function heldUp() {
  const runs: PromiseWithResolvers<Prediction>[] = [];
  const predict = () => {
    const run = Promise.withResolvers<Prediction>();
    runs.push(run);
    return run.promise;
  };
  const outcomes: string[] = [];
  const queue = new ShadowQueue({
    predictor: { predict },
    readiness: { isReady: () => true },
    recorder: noRecorder,
    report: { settled: (_, outcome) => void outcomes.push(outcome) },
    clock: systemClock,
  });
  const image = { index: 0, image: new Uint8Array(1), top: PREDICTION.top };
  let held = 0;
  const add = (bytes: number) => {
    held += bytes;
    const copy = { id: 'a', model: 'net', version: '1', shadows: ['2'], images: [image], bytes };
    queue.add(copy, () => {
      held -= bytes;
    });
  };
  const endOne = async () => {
    runs.shift()?.resolve(PREDICTION);
    await settled();
  };
  return { queue, add, endOne, outcomes, held: () => held };
}

it('never holds more than 32 MiB and 64 copies, and gives all of it back', async () => {
  const size = oneof(constant(10 * MIB), integer({ min: 1, max: 33 * MIB }), integer({ min: 1, max: 4096 }));
  // More arrive than end.
  const step = oneof(
    { weight: 3, arbitrary: size },
    { weight: 1, arbitrary: constant('a run ends' as const) },
  );
  const steps = array(step, { maxLength: 300, size: 'max' });
  await assert(
    asyncProperty(steps, async (what) => {
      const { queue, add, endOne, outcomes, held } = heldUp();
      for (const one of what) {
        if (one === 'a run ends') await endOne();
        else add(one);
        expect(held()).toBe(queue.bytes);
        expect(queue.bytes).toBeLessThanOrEqual(32 * MIB);
        expect(queue.items).toBeLessThanOrEqual(64);
      }
      while (queue.items > 0) await endOne();
      expect([held(), queue.bytes]).toEqual([0, 0]);
      expect(outcomes).toHaveLength(what.filter((one) => one !== 'a run ends').length);
    }),
  );
});

it('keeps three copies of 10 MiB, and takes one more for each that ends', async () => {
  const { queue, add, endOne, outcomes } = heldUp();
  for (let i = 0; i < 100; i += 1) {
    add(10 * MIB);
    expect(queue.bytes).toBeLessThanOrEqual(30 * MIB);
  }
  expect([queue.items, outcomes.length]).toEqual([3, 97]);
  await endOne(); // the run by control
  await endOne();
  add(10 * MIB);
  add(10 * MIB);
  expect([queue.items, outcomes.length]).toEqual([3, 99]);
});
