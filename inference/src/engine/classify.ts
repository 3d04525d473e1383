import type { Classes } from './protocol.ts';

export interface ClassifyOptions {
  /** `softmax`: rows are logits. `none`: rows are scores already. */
  readonly activation: 'softmax' | 'none';
  /** Classes to keep; all of them when a row has fewer. */
  readonly topK: number;
}

/**
 * Best classes of each row of a model's output.
 *
 * @param output rows of equal length, one behind the other
 * @param rowCount rows; at least 1
 * @throws RangeError when the output does not divide into that many rows
 */
export function classify(output: Float32Array, rowCount: number, options: ClassifyOptions): Classes[] {
  const width = output.length / rowCount;
  if (!Number.isInteger(width) || width < 1) {
    throw new RangeError(`${output.length} scores do not make ${rowCount} rows`);
  }
  return Array.from({ length: rowCount }, (_, i) => {
    const row = output.subarray(i * width, (i + 1) * width);
    return best(options.activation === 'softmax' ? softmax(row) : row, options.topK);
  });
}

/** Shifted by the maximum, so that large logits do not overflow. */
export function softmax(logits: Float32Array): Float32Array {
  const max = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = logits.map((logit) => Math.exp(logit - max));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

/** Equal scores keep the order of their class ids. */
function best(scores: Float32Array, topK: number): Classes {
  const k = Math.min(topK, scores.length);
  const classIds = new Int32Array(k);
  const kept = new Float32Array(k);
  let count = 0;
  scores.forEach((score, classId) => {
    if (count === k && score <= (kept[k - 1] as number)) return;
    let place = Math.min(count, k - 1);
    while (place > 0 && (kept[place - 1] as number) < score) {
      kept[place] = kept[place - 1] as number;
      classIds[place] = classIds[place - 1] as number;
      place -= 1;
    }
    kept[place] = score;
    classIds[place] = classId;
    count = Math.min(count + 1, k);
  });
  return { classIds, scores: kept };
}
