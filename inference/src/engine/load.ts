import { join } from 'node:path';
import { LoadError } from '../load-error.ts';
import { sha256Of } from '../models/digest.ts';
import { openImages } from './load-images.ts';
import { openTensors } from './load-tensors.ts';
import type { EngineSpec, LoadReport, Payload } from './protocol.ts';
import type { BatchResult } from './session-thread.ts';

/** A model version that is verified, warm and has given the recorded answers. */
export interface LoadedModel {
  readonly report: LoadReport;
  /** What is done for one item before its batch is known. @throws HeadgateError what is wrong with the item */
  prepare(payload: Payload): Promise<Payload>;
  /** Runs prepared items as one batch. One call at a time. */
  run(items: readonly Payload[]): Promise<BatchResult>;
}

/** A model of one kind, loaded but neither warm nor compared. */
export interface OpenModel extends Omit<LoadedModel, 'report'> {
  /** Runs a batch of items without content. @returns how long it ran, in ms */
  runBlank(size: number): Promise<number>;
  /** @throws LoadError when an answer is not the recorded one */
  compareGolden(): Promise<LoadReport['golden']>;
}

/**
 * Steps from a folder to an engine that may serve (decision D2): digest, session, every batch size once, golden
 * samples.
 *
 * @param entry module from which the session thread starts
 * @throws LoadError, or whatever ONNX Runtime says about the model
 */
export async function loadModel(entry: URL, spec: EngineSpec): Promise<LoadedModel> {
  const startedMs = performance.now();
  await verifyDigest(spec);
  const model = await (spec.manifest.image ? openImages(entry, spec) : openTensors(entry, spec));
  const warmUpMs = await warmUp(model, spec.manifest.batching.max_batch_size);
  const golden = await model.compareGolden();
  return {
    prepare: model.prepare,
    run: model.run,
    report: { provider: spec.provider, loadMs: performance.now() - startedMs, warmUpMs, golden },
  };
}

async function verifyDigest({ directory, manifest: { file } }: EngineSpec): Promise<void> {
  const digest = await sha256Of(join(directory, file.path));
  if (digest === file.sha256) return;
  throw new LoadError(
    `${file.path} has SHA-256 ${digest}, but the manifest says ${file.sha256}; ` +
      'the file was changed or is incomplete: restore it, or build the model again',
  );
}

/**
 * Runs each batch size once, doubling up to the maximum: the first run of a size allocates, and no caller shall
 * wait for that.
 *
 * @returns run time of each size, in ms
 */
async function warmUp(model: OpenModel, maxBatchSize: number): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  for (const size of warmUpSizes(maxBatchSize)) times.set(size, await model.runBlank(size));
  return times;
}

/** 1, 2, 4 … and the maximum itself. */
export function warmUpSizes(maxBatchSize: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log2(maxBatchSize)) + 1 }, (_, i) => 2 ** i);
  return powers.at(-1) === maxBatchSize ? powers : [...powers, maxBatchSize];
}
