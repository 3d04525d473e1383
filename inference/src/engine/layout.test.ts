import { describe, expect, it } from 'vitest';
import { layoutOf } from './layout.ts';

const auto = { instances: 0, intra_op_threads: 0 };

describe('layoutOf', () => {
  it('takes what is configured', () => {
    expect(layoutOf({ instances: 3, intra_op_threads: 5 }, 8)).toMatchObject({
      instances: 3,
      intraOpThreads: 5,
    });
  });

  it('gives every engine at least one thread, however few cores there are', () => {
    expect(layoutOf(auto, 1)).toEqual({ instances: 1, intraOpThreads: 1, decodeThreads: 1 });
    expect(layoutOf({ instances: 4, intra_op_threads: 0 }, 2)).toMatchObject({
      intraOpThreads: 1,
      decodeThreads: 1,
    });
  });

  it('never plans more session threads than there are cores', () => {
    for (let cores = 1; cores <= 128; cores += 1) {
      const { instances, intraOpThreads } = layoutOf(auto, cores);
      expect(instances * intraOpThreads).toBeLessThanOrEqual(cores);
    }
  });
});
