import { LoadError } from '../../load-error.ts';
import type { EngineSpec, LoadReport, Payload, Prepared, Question } from '../protocol.ts';
import { openImages } from './image/model.ts';
import type { BatchResult } from './runner.ts';
import { openTensors } from './tensor/model.ts';

/** A model version that is verified, warm and has given the recorded answers. */
export interface LoadedModel {
  readonly report: LoadReport;
  /** What is done for one item before its batch is known. @throws HeadgateError what is wrong with the item */
  prepare(question: Question): Promise<Prepared>;
  /** Runs prepared items as one batch. One call at a time. */
  run(items: readonly Payload[]): Promise<BatchResult>;
}

/** A model of one kind, warm but not compared. */
export interface OpenModel extends Omit<LoadedModel, 'report'> {
  readonly warmUpMs: ReadonlyMap<number, number>;
  /** @throws LoadError when an answer is not the recorded one */
  compareGolden(): Promise<LoadReport['golden']>;
}

/**
 * Steps from a folder to an engine that may serve (decision 0002): verified bytes, session, every batch size once,
 * golden samples.
 *
 * @param entry module from which the session thread starts
 * @throws LoadError
 */
export async function loadModel(entry: URL, spec: EngineSpec): Promise<LoadedModel> {
  const startedMs = performance.now();
  const { model, golden } = await openProven(entry, spec).catch((cause: unknown) => {
    if (cause instanceof LoadError) throw cause;
    throw new LoadError(cause instanceof Error ? cause.message : String(cause), { kind: 'model', cause });
  });
  return {
    prepare: model.prepare,
    run: model.run,
    report: {
      provider: spec.provider,
      loadMs: performance.now() - startedMs,
      warmUpMs: model.warmUpMs,
      golden,
    },
  };
}

/** @throws LoadError, or an error of ONNX Runtime about the model */
async function openProven(entry: URL, spec: EngineSpec) {
  const model = await (spec.manifest.image ? openImages(entry, spec) : openTensors(entry, spec));
  return { model, golden: await model.compareGolden() };
}
