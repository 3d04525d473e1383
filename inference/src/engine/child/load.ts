import { join } from 'node:path';
import { LoadError } from '../../load-error.ts';
import { checkExternalData } from '../../models/onnx-files.ts';
import { type Seal, sealFiles } from '../../models/seal.ts';
import type { EngineSpec, LoadReport, Payload, Prepared, Question } from '../protocol.ts';
import { type Guard, guardExternalData } from './guard.ts';
import { openImages } from './image/model.ts';
import type { BatchResult } from './runner.ts';
import { openTensors } from './tensor/model.ts';

/** A model version that is verified, warm and has given the recorded answers. */
export interface LoadedModel {
  readonly report: LoadReport;
  /** Tells when the files of the model do not hold any more what was verified. */
  readonly guard: Guard;
  /** What is done for one item before its batch is known. @throws HeadgateError what is wrong with the item */
  prepare(question: Question): Promise<Prepared>;
  /** Runs prepared items as one batch. One call at a time. */
  run(items: readonly Payload[]): Promise<BatchResult>;
}

/** A model of one kind, warm but not compared. */
export interface OpenModel extends Omit<LoadedModel, 'report' | 'guard'> {
  readonly warmUpMs: ReadonlyMap<number, number>;
  /** @throws LoadError when an answer is not the recorded one */
  compareGolden(): Promise<LoadReport['golden']>;
}

/**
 * Steps from a folder to an engine that may serve (decision 0002): digests, session, every batch size once, golden
 * samples.
 *
 * @param entry module from which the session thread starts
 * @throws LoadError
 */
export async function loadModel(entry: URL, spec: EngineSpec): Promise<LoadedModel> {
  const startedMs = performance.now();
  const seal = await verifyFiles(spec);
  const guard = await guardExternalData(spec);
  const { model, golden } = await openProven(entry, spec, seal).catch((cause: unknown) => {
    if (cause instanceof LoadError) throw cause;
    throw new LoadError(cause instanceof Error ? cause.message : String(cause), { kind: 'model', cause });
  });
  return {
    prepare: model.prepare,
    run: model.run,
    guard,
    report: {
      provider: spec.provider,
      loadMs: performance.now() - startedMs,
      warmUpMs: model.warmUpMs,
      golden,
    },
  };
}

/** Nothing is read by the runtime that the manifest does not vouch for. */
async function verifyFiles({ directory, manifest }: EngineSpec): Promise<Seal> {
  const seal = await sealFiles(directory, manifest);
  checkExternalData(join(directory, manifest.file.path), manifest);
  return seal;
}

/** @throws LoadError, or whatever ONNX Runtime says about the model */
async function openProven(entry: URL, spec: EngineSpec, seal: Seal) {
  const { manifest } = spec;
  const model = await (manifest.image ? openImages(entry, spec) : openTensors(entry, spec));
  // By name the runtime opened the files once more: they must be those that were verified.
  await seal.check();
  return { model, golden: await model.compareGolden() };
}
