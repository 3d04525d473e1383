import type { EngineSpec } from '../../protocol.ts';
import { blankItem, joinItems } from '../../tensor-batch.ts';
import { type Runner, timed } from '../runner.ts';
import { warmUpSizes } from '../warm-up.ts';
import { openTensorSession } from './session.ts';

export async function runTensors(spec: EngineSpec): Promise<Runner> {
  const { inputs, batching } = spec.manifest;
  const session = await openTensorSession(spec);
  const blank = blankItem(inputs);
  const isGuess = inputs.some(({ shape }) => shape.slice(1).includes(-1));
  const warmUpMs = new Map<number, number>();
  for (const size of warmUpSizes(batching.max_batch_size)) {
    const items = Array.from({ length: size }, () => blank);
    // A side of variable length may need more than the 1 that is tried: such a model warms up with its callers.
    const { runMs } = await timed(() => session.run(joinItems(items), size)).catch((error: unknown) => {
      if (isGuess) return { runMs: 0 };
      throw error;
    });
    warmUpMs.set(size, runMs);
  }
  return {
    warmUpMs,
    run: ({ count, inputs = [] }) => timed(() => session.run(inputs, count)),
    close: session.close,
  };
}
