import { join } from 'node:path';
import type { ImageSpec } from '@headgate/contracts/manifest';
import { LoadError } from '../load-error.ts';
import { sha256Of } from '../models/digest.ts';
import { configureDecoding, createDecoder, type Decode } from './decode.ts';
import { compareGolden } from './golden.ts';
import type { EngineSpec, LoadReport } from './protocol.ts';
import { itemBytes } from './session.ts';
import { type BatchResult, type SessionThread, startSessionThread } from './session-thread.ts';

/** A model version that is verified, warm and has given the recorded answers. */
export interface LoadedModel {
  readonly decode: Decode;
  readonly report: LoadReport;
  /** Copies the items into the batch buffer and runs them. One call at a time. */
  run(items: readonly Uint8Array[]): Promise<BatchResult>;
}

/** A batch buffer beyond this size is taken for a mistake in the manifest, in bytes. */
const MAX_BATCH_BYTES = 2 ** 30;

/**
 * Steps from a folder to an engine that may serve (decision D2): digest, session, every batch size once, golden
 * samples.
 *
 * @param entry module from which the session thread starts
 * @throws LoadError, or whatever ONNX Runtime says about the model
 */
export async function loadModel(entry: URL, spec: EngineSpec): Promise<LoadedModel> {
  const startedMs = performance.now();
  const { manifest, directory } = spec;
  if (!manifest.image) throw new LoadError('models of the kind "tensor" are not served yet');

  const digest = await sha256Of(join(directory, manifest.file.path));
  if (digest !== manifest.file.sha256) {
    throw new LoadError(
      `${manifest.file.path} has SHA-256 ${digest}, but the manifest says ${manifest.file.sha256}; ` +
        'the file was changed or is incomplete: restore it, or build the model again',
    );
  }

  configureDecoding();
  const decode = createDecoder({ preprocessing: manifest.image.preprocessing, maxPixels: spec.maxPixels });
  const { thread, run } = await openBatch(entry, spec, manifest.image);
  const warmUpMs = await warmUp(thread, manifest.batching.max_batch_size);
  const golden = await compareGolden({
    manifest,
    dirs: spec.sampleDirs,
    classify: async (bytes) => (await run([await decode(bytes)])).rows[0],
  });
  return {
    decode,
    run,
    report: { provider: spec.provider, loadMs: performance.now() - startedMs, warmUpMs, golden },
  };
}

async function openBatch(entry: URL, spec: EngineSpec, image: ImageSpec) {
  const size = itemBytes(image.preprocessing);
  const total = size * spec.manifest.batching.max_batch_size;
  if (total > MAX_BATCH_BYTES) {
    throw new LoadError(`a batch would need ${total} bytes of input; lower batching.max_batch_size`);
  }
  const batch = new SharedArrayBuffer(total);
  const slots = new Uint8Array(batch);
  const thread = await startSessionThread(entry, { spec, batch });
  const run = (items: readonly Uint8Array[]) => {
    items.forEach((pixels, i) => {
      slots.set(pixels, i * size);
    });
    return thread.run(items.length);
  };
  return { thread, run };
}

/**
 * Runs each batch size once, doubling up to the maximum: the first run of a size allocates, and no caller shall
 * wait for that.
 *
 * @returns run time of each size, in ms
 */
async function warmUp(thread: SessionThread, maxBatchSize: number): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  for (const size of warmUpSizes(maxBatchSize)) times.set(size, (await thread.run(size)).runMs);
  return times;
}

/** 1, 2, 4 … and the maximum itself. */
export function warmUpSizes(maxBatchSize: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log2(maxBatchSize)) + 1 }, (_, i) => 2 ** i);
  return powers.at(-1) === maxBatchSize ? powers : [...powers, maxBatchSize];
}
