import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { warmUp, warmUpSizes } from './warm-up.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Warms up a model whose runs take so long; the first run of each size takes ten times as long. */
async function warmedUp(maxBatchSize: number, runMs: (size: number) => number) {
  const sizes: number[] = [];
  const runBlank = async (size: number) => {
    vi.advanceTimersByTime(sizes.includes(size) ? runMs(size) : 10 * runMs(size));
    sizes.push(size);
  };
  const { times, pieceSize } = await warmUp(maxBatchSize, runBlank, () => performance.now());
  return { tried: [...new Set(sizes)], pieceSize, times: Object.fromEntries(times) };
}

describe('warmUp', () => {
  it('tries each size while a larger batch saves time, and measures without the first run', async () => {
    expect(await warmedUp(8, (size) => 10 + size)).toEqual({
      tried: [1, 2, 4, 8],
      pieceSize: 8,
      times: { 1: 11, 2: 12, 4: 14, 8: 18 },
    });
  });

  it('stops where twice the size gains nothing, and foresees the time of larger batches in pieces', async () => {
    expect(await warmedUp(8, (size) => 10 * size)).toEqual({
      tried: [1, 2],
      pieceSize: 1,
      times: { 1: 10, 2: 20, 4: 40, 8: 80 },
    });
    const gains = (size: number) => (size <= 2 ? 10 : 5 * size);
    expect(await warmedUp(8, gains)).toMatchObject({ tried: [1, 2, 4], pieceSize: 2, times: { 8: 40 } });
  });

  it('runs a model that takes one item with one item', async () => {
    expect(await warmedUp(1, () => 3)).toEqual({ tried: [1], pieceSize: 1, times: { 1: 3 } });
  });
});

describe('warmUpSizes', () => {
  it('doubles up to the maximum and ends with it', () => {
    expect([1, 2, 6, 8].map(warmUpSizes)).toEqual([[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]);
  });
});
