import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from './classify.ts';

describe('classify', () => {
  it('finds the same classes as sorting the whole row', () => {
    const rows = fc.array(fc.float({ noNaN: true, min: -50, max: 50 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 12 }), (values, topK) => {
        const row = Float32Array.from(values);
        const sorted = [...row.keys()].sort((a, b) => (row[b] as number) - (row[a] as number) || a - b);
        const [found] = classify(row, 1, { activation: 'none', topK });
        expect([...(found?.classIds ?? [])]).toEqual(sorted.slice(0, topK));
      }),
    );
  });

  it('gives probabilities of all classes, also for logits that would overflow', () => {
    const [answer] = classify(Float32Array.of(1000, 1001, 999), 1, { activation: 'softmax', topK: 2 });
    expect([...(answer?.classIds ?? [])]).toEqual([1, 0]);
    expect(answer?.scores[0]).toBeCloseTo(0.665, 3);
    expect(answer?.scores[1]).toBeCloseTo(0.245, 3);
  });

  it('scores each class by itself where classes do not exclude each other', () => {
    const [answer] = classify(Float32Array.of(-1000, 2, 0, 1000), 1, { activation: 'sigmoid', topK: 4 });
    expect([...(answer?.classIds ?? [])]).toEqual([3, 1, 2, 0]);
    const expected = [1, 0.8808, 0.5, 0];
    for (const [place, score] of expected.entries()) expect(answer?.scores[place]).toBeCloseTo(score, 4);
  });

  it('gives every row its own answer', () => {
    const output = Float32Array.of(5, 1, 0, 0, 1, 5);
    const answers = classify(output, 2, { activation: 'softmax', topK: 1 });
    expect(answers.map(({ classIds }) => classIds[0])).toEqual([0, 2]);
  });

  it('refuses an output that does not divide into rows', () => {
    expect(() => classify(new Float32Array(7), 2, { activation: 'none', topK: 1 })).toThrow(RangeError);
  });
});
