import type { ImageSpec } from '@headgate/contracts/manifest';
import type { Classes } from '../../protocol.ts';

export interface ClassifyOptions {
  /** `softmax`, `sigmoid`: rows are logits. `none`: rows are scores already. */
  readonly activation: ImageSpec['activation'];
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
    const { classIds, values } = best(row, options.topK);
    return { classIds, scores: SCORES[options.activation](values, row) };
  });
}

/** What makes scores of a row's best values; it keeps their order. */
const SCORES: Record<ImageSpec['activation'], (values: Float32Array, row: Float32Array) => Float32Array> = {
  softmax: softmaxOf,
  sigmoid: (logits) => logits.map((logit) => 1 / (1 + Math.exp(-logit))),
  none: (scores) => scores,
};

/**
 * Probabilities of some logits of a row; only those, since most classes are in no answer. Shifted by the maximum,
 * so that large logits do not overflow.
 *
 * @param logits best first
 * @param row all logits
 */
function softmaxOf(logits: Float32Array, row: Float32Array): Float32Array {
  const max = logits[0] as number;
  let sum = 0;
  for (const logit of row) sum += Math.exp(logit - max);
  return logits.map((logit) => Math.exp(logit - max) / sum);
}

/** Equal values keep the order of their class ids. */
function best(row: Float32Array, topK: number): { classIds: Int32Array; values: Float32Array } {
  const k = Math.min(topK, row.length);
  const classIds = new Int32Array(k);
  const values = new Float32Array(k);
  let count = 0;
  for (let classId = 0; classId < row.length; classId += 1) {
    const value = row[classId] as number;
    if (count === k && value <= (values[k - 1] as number)) continue;
    let place = Math.min(count, k - 1);
    while (place > 0 && (values[place - 1] as number) < value) {
      values[place] = values[place - 1] as number;
      classIds[place] = classIds[place - 1] as number;
      place -= 1;
    }
    values[place] = value;
    classIds[place] = classId;
    count = Math.min(count + 1, k);
  }
  return { classIds, values };
}
