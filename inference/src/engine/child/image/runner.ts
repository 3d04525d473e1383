import type { ImageSpec } from '@headgate/contracts/manifest';
import type { Classes, EngineSpec } from '../../protocol.ts';
import { type Runner, timed } from '../runner.ts';
import { costClock, warmUp } from '../warm-up.ts';
import { classify } from './classify.ts';
import { openSession } from './session.ts';

/** @param batch buffer that holds `max_batch_size` items */
export async function runImages(spec: EngineSpec, image: ImageSpec, batch: Uint8Array): Promise<Runner> {
  const session = await openSession(spec, image, batch);
  const { max_batch_size } = spec.manifest.batching;
  const runBlank = (size: number) => session.run(0, size);
  const { times, pieceSize } = await warmUp(max_batch_size, runBlank, costClock(spec));
  const options = { activation: image.activation, topK: image.top_k };
  const runPieces = async (count: number) => {
    const rows: Classes[] = [];
    for (let first = 0; first < count; first += pieceSize) {
      const size = Math.min(pieceSize, count - first);
      rows.push(...classify(await session.run(first, size), size, options));
    }
    return rows;
  };
  return { warmUpMs: times, run: ({ count }) => timed(() => runPieces(count)), close: session.close };
}
