import { classifyFailure } from '../../failure.ts';
import type { EngineSpec, Payload, RawTensor, Row, RowFailure } from '../../protocol.ts';
import { groupByShape, joinItems } from '../../tensor-batch.ts';
import type { OpenModel } from '../load.ts';
import { type BatchResult, monotonicMs } from '../runner.ts';
import { startRunner } from '../session-thread.ts';
import { compareGoldenTensors } from './golden.ts';

type Tensors = readonly RawTensor[];

/** A model that takes tensors as they come. */
export async function openTensors(entry: URL, spec: EngineSpec): Promise<OpenModel> {
  const { manifest } = spec;
  const runner = await startRunner(entry, { spec });
  const runGroup = (items: Tensors[]) => runner.run({ count: items.length, inputs: joinItems(items) });
  const run = async (items: readonly Payload[]): Promise<BatchResult> => {
    const rows = new Array<Row | RowFailure>(items.length);
    let runMs = 0;
    let endedAtMs = 0;
    // Items of different shapes cannot share a run; most batches are one group.
    for (const group of groupByShape(items as readonly Tensors[])) {
      const tensors = group.map((i) => items[i] as Tensors);
      const result = await runGroup(tensors).catch((error) => runAlone(runGroup, tensors, error));
      runMs += result.runMs;
      endedAtMs = result.endedAtMs;
      group.forEach((place, i) => {
        rows[place] = result.rows[i] as Row | RowFailure;
      });
    }
    return { rows, runMs, endedAtMs };
  };
  return {
    prepare: async ({ payload }) => ({ payload }),
    run,
    warmUpMs: runner.warmUpMs,
    compareGolden: () =>
      compareGoldenTensors({
        manifest,
        directory: spec.directory,
        run: async (inputs) => (await runGroup([inputs])).rows[0] as Tensors,
      }),
  };
}

/** One item whose values the model cannot take would fail its whole batch: each is tried alone then. */
async function runAlone(
  runGroup: (items: Tensors[]) => Promise<BatchResult>,
  items: readonly Tensors[],
  error: unknown,
): Promise<BatchResult> {
  // Such an error is not about one item, and the engine ends with it.
  if (classifyFailure(messageOf(error)) !== 'model') throw error;
  const rows: (Row | RowFailure)[] = [];
  let runMs = 0;
  for (const item of items) {
    const result =
      items.length === 1 ? failureOf(error) : await runGroup([item]).catch((reason) => failureOf(reason));
    rows.push(...result.rows);
    runMs += result.runMs;
  }
  return { rows, runMs, endedAtMs: monotonicMs() };
}

function failureOf(error: unknown): BatchResult {
  return { rows: [{ failure: messageOf(error) }], runMs: 0, endedAtMs: monotonicMs() };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
