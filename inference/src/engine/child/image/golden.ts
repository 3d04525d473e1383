import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { GoldenSample, Manifest } from '@headgate/contracts/manifest';
import { readRegularFile } from '@headgate/runtime/read-file';
import { LoadError } from '../../../load-error.ts';
import type { Classes, LoadReport } from '../../protocol.ts';

/** Larger samples are not read, in bytes: a photo has 10 MiB, a record of tensors some more. */
const MAX_SAMPLE_BYTES = 64 * 2 ** 20;

export interface GoldenOptions {
  readonly manifest: Manifest;
  /** Directories in which a sample is looked up, in this order. */
  readonly dirs: readonly string[];
  /** The whole path of one image through this engine. */
  readonly classify: (bytes: Uint8Array) => Promise<Classes | undefined>;
}

/**
 * Compares the answers for the manifest's golden samples with the recorded ones, so that a model that was
 * converted, copied or decoded wrongly never takes over from a good one.
 *
 * @throws LoadError when a score differs by more than the manifest's tolerance, or another class comes first
 */
export async function compareGolden(options: GoldenOptions): Promise<LoadReport['golden']> {
  const { samples, tolerance } = options.manifest.golden;
  const skipped: string[] = [];
  let largestDifference = 0;
  for (const sample of samples) {
    const bytes = await readSample(sample, options.dirs);
    if (!bytes) {
      skipped.push(sample.file);
      continue;
    }
    const answer = await options.classify(bytes);
    const difference = answer ? differenceOf(sample, answer) : Number.POSITIVE_INFINITY;
    if (difference > tolerance || !sameFirst(sample, answer, tolerance)) {
      throw new LoadError(
        `golden sample ${sample.file}: the answer differs by ${difference.toFixed(3)} or in its first class ` +
          `from the recorded one (tolerance ${tolerance}); the model or its preprocessing is not the recorded one`,
        { kind: 'golden' },
      );
    }
    largestDifference = Math.max(largestDifference, difference);
  }
  return { compared: samples.length - skipped.length, skipped, largestDifference };
}

/** The first of the candidate files whose content is the recorded one. */
export async function readSample(
  { file, sha256 }: GoldenSample,
  dirs: readonly string[],
): Promise<Uint8Array | undefined> {
  for (const dir of dirs) {
    const reading = readRegularFile(join(dir, file), { maxBytes: MAX_SAMPLE_BYTES });
    const bytes = await reading.catch(() => undefined);
    if (bytes && createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  }
  return undefined;
}

/** Largest difference of a score; a class outside the answer counts as the answer's last score, its upper bound. */
function differenceOf({ top = [] }: GoldenSample, { classIds, scores }: Classes): number {
  const last = scores.at(-1) ?? 0;
  const differences = top.map(({ class_id, score }) => {
    const place = classIds.indexOf(class_id);
    return place < 0 ? Math.max(0, score - last) : Math.abs(score - (scores[place] as number));
  });
  return Math.max(0, ...differences);
}

/** The same class comes first, unless the recorded first two are closer than the tolerance. */
function sameFirst({ top = [] }: GoldenSample, answer: Classes | undefined, tolerance: number): boolean {
  const [first, second] = top;
  if (answer?.classIds[0] === first?.class_id) return true;
  return second !== undefined && (first?.score ?? 0) - second.score <= tolerance;
}
