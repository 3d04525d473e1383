import type { ImageSpec, Manifest } from '@headgate/contracts/manifest';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { LoadError } from '../../../load-error.ts';
import type { Classes, EngineSpec } from '../../protocol.ts';
import { openModel } from '../onnx.ts';
import { type Runner, timed } from '../runner.ts';
import { costClock, warmUp } from '../warm-up.ts';
import { classify } from './classify.ts';

/** A loaded model that runs one batch at a time, blocking its thread meanwhile. */
export interface Session {
  /**
   * Runs `count` items of the batch buffer, from `first` on.
   *
   * @returns the output, row by row
   */
  run(first: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Bytes of one item in the batch buffer. */
export function itemBytes({ width, height, channels }: ImageSpec['preprocessing']): number {
  return width * height * channels;
}

/**
 * Loads the model file and checks its input and output against the manifest.
 *
 * @param batch buffer that holds `max_batch_size` items; runs read it in place
 * @throws LoadError when a file is not the listed one, or the model contradicts the manifest; whatever ONNX Runtime
 * throws when it cannot load it
 */
export async function openSession(spec: EngineSpec, image: ImageSpec, batch: Uint8Array): Promise<Session> {
  const session = await openModel(spec);
  checkAgainst(session, spec.manifest, image);
  const { width, height, channels } = image.preprocessing;
  const size = itemBytes(image.preprocessing);
  return {
    async run(first, count) {
      const view = batch.subarray(first * size, (first + count) * size);
      const input = new Tensor('uint8', view, [count, height, width, channels]);
      const answer = await session.run({ [image.input]: input }, [image.output]);
      return answer[image.output]?.data as Float32Array;
    },
    close: () => session.release(),
  };
}

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

function checkAgainst(session: InferenceSession, manifest: Manifest, image: ImageSpec): void {
  const input = session.inputMetadata.find(({ name }) => name === image.input);
  const output = session.outputMetadata.find(({ name }) => name === image.output);
  const where = `${manifest.file.path} of ${manifest.name}/${manifest.version}`;
  if (!input?.isTensor || input.type !== 'uint8' || session.inputNames.length !== 1) {
    throw contradicts(`${where}: expected exactly one input, ${image.input}, of type uint8`);
  }
  if (!output?.isTensor || output.type !== 'float32') {
    throw contradicts(`${where}: expected an output ${image.output} of type float32`);
  }
  const { width, height, channels } = image.preprocessing;
  const expected = [height, width, channels];
  const fits = expected.every(
    (side, i) => typeof input.shape[i + 1] === 'string' || input.shape[i + 1] === side,
  );
  if (input.shape.length !== 4 || !fits) {
    throw contradicts(
      `${where}: expected input shape [N, ${expected.join(', ')}], not [${input.shape.join(', ')}]`,
    );
  }
}

function contradicts(message: string): LoadError {
  return new LoadError(message, { kind: 'model' });
}
