import { describe, expect, it } from 'vitest';
import { compare } from './compare.ts';

const top = (...classes: [label: string, class_id: number, score: number][]) =>
  classes.map(([label, class_id, score]) => ({ label, class_id, score }));

const CONTROL = top(['cat', 1, 0.75], ['dog', 2, 0.125], ['cow', 3, 0.0625]);

describe('compare', () => {
  it('finds the same label, and the change of its score', () => {
    expect(compare(CONTROL, top(['cat', 1, 0.5], ['fox', 9, 0.25]))).toEqual({
      agrees: true,
      scoreChange: -0.25,
      labelOrderDiffers: false,
    });
  });

  it('finds another first label, and what the copy gives for that of the original', () => {
    expect(compare(CONTROL, top(['dog', 2, 0.5], ['cat', 1, 0.25]))).toEqual({
      agrees: false,
      scoreChange: -0.5,
      labelOrderDiffers: false,
    });
    expect(compare(CONTROL, top(['dog', 2, 0.5])).scoreChange).toBeNull();
  });

  it('compares by name where the versions order their labels differently, and says so', () => {
    expect(compare(CONTROL, top(['cat', 3, 0.75], ['dog', 1, 0.125]))).toEqual({
      agrees: true,
      scoreChange: 0,
      labelOrderDiffers: true,
    });
  });

  it('says so where one class has two names', () => {
    expect(compare(CONTROL, top(['Katze', 1, 0.75]))).toMatchObject({
      agrees: false,
      labelOrderDiffers: true,
    });
  });

  it('compares by class where neither version has names', () => {
    const nameless = (classes: typeof CONTROL) => classes.map((one) => ({ ...one, label: '' }));
    const other = nameless(top(['', 1, 0.5]));
    expect(compare(nameless(CONTROL), other)).toEqual({
      agrees: true,
      scoreChange: -0.25,
      labelOrderDiffers: false,
    });
    expect(compare(nameless(CONTROL), nameless(top(['', 2, 0.5]))).agrees).toBe(false);
  });

  it('takes no number for a name where only one version has names', () => {
    const nameless = CONTROL.map((one) => ({ ...one, label: '' }));
    for (const [original, copy] of [
      [CONTROL, nameless],
      [nameless, CONTROL],
    ] as const)
      expect(compare(original, copy)).toMatchObject({ agrees: false, labelOrderDiffers: true });
  });
});
