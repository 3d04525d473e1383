import { describe, expect, it } from 'vitest';
import { Estimate } from './estimate.ts';
import { Forecast } from './forecast.ts';

const estimateOf = (runs: readonly (readonly [size: number, ms: number])[], margin = 0.2) => {
  const estimate = new Estimate({ maxBatchSize: 8, margin, answerReserveMs: 20 });
  estimate.warmedUp(new Map(runs));
  return estimate;
};

describe('Estimate', () => {
  it('knows nothing at first, and so refuses nothing', () => {
    const estimate = estimateOf([]);
    expect([estimate.runMs(1), estimate.runMs(8), estimate.decodeAtLeastMs(1)]).toEqual([0, 0, 0]);
  });

  it('begins with what the warm-up measured, and fills in the sizes between and beyond', () => {
    const estimate = estimateOf([
      [2, 20],
      [4, 30],
    ]);
    expect([1, 2, 3, 4, 8].map((size) => estimate.runMs(size))).toEqual([10, 20, 25, 30, 60]);
  });

  it('follows the runs of each size', () => {
    const estimate = estimateOf([
      [1, 10],
      [8, 80],
    ]);
    for (let i = 0; i < 5; i += 1) estimate.ran(8, 160);
    expect([estimate.runMs(1), estimate.runMs(8)]).toEqual([10, 160]);
  });

  it('lets a second engine, which warms up while the first one works, unlearn nothing', () => {
    const estimate = estimateOf([[8, 80]]);
    estimate.warmedUp(new Map([[8, 500]]));
    expect(estimate.runMs(8)).toBe(80);
  });

  it('is not misled by one slow run', () => {
    const estimate = estimateOf([[1, 10]]);
    estimate.ran(1, 11);
    estimate.ran(1, 9_000);
    expect(estimate.runMs(1)).toBe(11);
  });

  it('states what a run takes at least, and after what time its answers are there', () => {
    const estimate = estimateOf([[4, 100]], 0.25);
    expect([estimate.runAtLeastMs(4), estimate.answerAtMostMs(4)]).toEqual([75, 125 + 20]);
  });

  it('takes the quickest of the last decodes, since small images exist', () => {
    const estimate = estimateOf([], 0.5);
    for (const ms of [30, 4, 50]) estimate.decoded(ms, 1);
    expect(estimate.decodeAtLeastMs(1)).toBe(2);
    for (let i = 0; i < 16; i += 1) estimate.decoded(40, 1);
    expect(estimate.decodeAtLeastMs(1)).toBe(20);
  });
});

describe('what an item costs in turns', () => {
  it('is its work and its part of a full run', () => {
    expect(estimateOf([[8, 80]]).itemCost(400)).toBe(410);
  });

  it('is not what callers make of it, with files that decode sooner or later than they look', () => {
    const estimate = estimateOf([[8, 80]]);
    for (const [ms, work] of [
      [1, 400],
      [400, 1],
    ] as const) {
      for (let i = 0; i < 16; i += 1) estimate.decoded(ms, work);
      expect(estimate.itemCost(400)).toBe(410);
    }
  });
});

describe('Forecast', () => {
  const exact = () => {
    const estimate = estimateOf(
      [
        [1, 10],
        [2, 20],
        [8, 80],
      ],
      0,
    );
    estimate.decoded(5, 1);
    return new Forecast(estimate, 8);
  };
  const idle = { engines: 1, ahead: 0, aheadWork: 0, decodeThreads: 1, untilIdleMs: 0 };

  it('needs decode and run for an item that is alone', () => {
    expect(exact().aloneMs(1, 1)).toBe(15);
    expect(exact().finishMs(idle, 1, 1)).toBe(15);
  });

  it('counts whole batches before an item, and its own', () => {
    expect(exact().finishMs({ ...idle, ahead: 17, untilIdleMs: 30 }, 1, 1)).toBe(30 + 2 * 80 + 20);
  });

  it('counts items, not calls: the last of a call decides', () => {
    expect(exact().finishMs(idle, 8, 1)).toBe(80);
    expect(exact().finishMs({ ...idle, ahead: 1 }, 8, 1)).toBe(80 + 10);
  });

  it('shares the work among engines', () => {
    expect(exact().finishMs({ ...idle, engines: 2, ahead: 16 }, 1, 1)).toBe(80 + 10);
    expect(exact().clearMs(32, 2)).toBe(160);
  });
});
