import { join } from 'node:path';
import type { ImageSpec, Manifest } from '@headgate/contracts/manifest';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { LoadError } from '../../../load-error.ts';
import type { EngineSpec, ProbeResult, Provider } from '../../protocol.ts';

/** An ONNX model that returns its input of one float: enough to make a provider load its libraries. */
const IDENTITY_MODEL =
  'CAg6OwoQCgF4EgF5IghJZGVudGl0eRIFcHJvYmVaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAR';

export interface SessionSettings {
  readonly provider: Provider;
  readonly deviceId: number;
  readonly intraOpThreads: number;
}

/** A loaded model that runs one batch at a time, blocking its thread meanwhile. */
export interface Session {
  /**
   * Runs the first `count` items of the batch buffer.
   *
   * @returns the output, row by row
   */
  run(count: number): Promise<Float32Array>;
}

/**
 * Options of ONNX Runtime. `allow_spinning: 0`: a thread that waits for its turn sleeps; spinning would take the
 * core from the decoders and from the other engine. CUDA keeps the CPU provider behind it, for the few nodes that
 * CUDA does not implement.
 */
export function sessionOptions(settings: SessionSettings): InferenceSession.SessionOptions {
  const { provider, deviceId, intraOpThreads } = settings;
  return {
    executionProviders: provider === 'cuda' ? [{ name: 'cuda', deviceId }, 'cpu'] : ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    interOpNumThreads: 1,
    intraOpNumThreads: intraOpThreads,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

/** Bytes of one item in the batch buffer. */
export function itemBytes({ width, height, channels }: ImageSpec['preprocessing']): number {
  return width * height * channels;
}

/**
 * Loads the model file and checks its input and output against the manifest.
 *
 * @param batch buffer that holds `max_batch_size` items; runs read it in place
 * @throws LoadError when the model contradicts the manifest; whatever ONNX Runtime throws when it cannot load it
 */
export async function openSession(spec: EngineSpec, image: ImageSpec, batch: Uint8Array): Promise<Session> {
  const session = await InferenceSession.create(
    join(spec.directory, spec.manifest.file.path),
    sessionOptions(spec),
  );
  checkAgainst(session, spec.manifest, image);
  const { width, height, channels } = image.preprocessing;
  const size = itemBytes(image.preprocessing);
  return {
    async run(count) {
      const view = batch.subarray(0, count * size);
      const input = new Tensor('uint8', view, [count, height, width, channels]);
      const answer = await session.run({ [image.input]: input }, [image.output]);
      return answer[image.output]?.data as Float32Array;
    },
  };
}

function checkAgainst(session: InferenceSession, manifest: Manifest, image: ImageSpec): void {
  const input = session.inputMetadata.find(({ name }) => name === image.input);
  const output = session.outputMetadata.find(({ name }) => name === image.output);
  const where = `${manifest.file.path} of ${manifest.name}/${manifest.version}`;
  if (!input?.isTensor || input.type !== 'uint8' || session.inputNames.length !== 1) {
    throw new LoadError(`${where}: expected exactly one input, ${image.input}, of type uint8`);
  }
  if (!output?.isTensor || output.type !== 'float32') {
    throw new LoadError(`${where}: expected an output ${image.output} of type float32`);
  }
  const { width, height, channels } = image.preprocessing;
  const expected = [height, width, channels];
  const fits = expected.every(
    (side, i) => typeof input.shape[i + 1] === 'string' || input.shape[i + 1] === side,
  );
  if (input.shape.length !== 4 || !fits) {
    throw new LoadError(
      `${where}: expected input shape [N, ${expected.join(', ')}], not [${input.shape.join(', ')}]`,
    );
  }
}

/** Whether a session can be made with this provider alone, without the CPU provider to fall back on. */
export async function tryProvider(provider: Provider, deviceId: number): Promise<ProbeResult> {
  try {
    const executionProviders = provider === 'cuda' ? [{ name: 'cuda', deviceId }] : ['cpu'];
    await InferenceSession.create(Buffer.from(IDENTITY_MODEL, 'base64'), { executionProviders });
    return { ok: true };
  } catch (error) {
    const [reason = 'unknown'] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { ok: false, reason };
  }
}
