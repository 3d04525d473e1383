import type { Prediction } from '../upstream/inference.ts';

type Top = Prediction['top'];

/** How the answer to a copy compares with the answer to its original. */
export interface Comparison {
  /** Whether the first labels are equal: by name, by class id only where neither answer has names. */
  readonly agrees: boolean;
  /** Score of the original's first label: the copy's minus the original's; null where the copy has no score of it. */
  readonly scoreChange: number | null;
  /** Whether one label has two class ids, one class id two labels, or only one of the answers names. */
  readonly labelOrderDiffers: boolean;
}

/** @param original best first, at least one class; the same for `copy` */
export function compare(original: Top, copy: Top): Comparison {
  const byName = [original, copy].map((top) => top.some(({ label }) => label !== ''));
  const isNamed = byName.includes(true);
  const isSame = (one: Top[number], other: Top[number] | undefined) =>
    isNamed ? one.label === other?.label : one.class_id === other?.class_id;
  const first = original[0] as Top[number];
  const match = copy.find((other) => isSame(first, other));
  return {
    agrees: isSame(first, copy[0]),
    scoreChange: match ? match.score - first.score : null,
    labelOrderDiffers:
      byName[0] !== byName[1] ||
      original.some((one) =>
        copy.some((other) => isNamed && (one.label === other.label) !== (one.class_id === other.class_id)),
      ),
  };
}
