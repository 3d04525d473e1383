import { devNull } from 'node:os';
import { InferenceSession } from 'onnxruntime-node';
import { checkExternalData } from '../../models/onnx-files.ts';
import { copyVerified, readVerified } from '../../models/version-files.ts';
import type { EngineSpec, ProbeResult, Provider } from '../protocol.ts';

/** An ONNX model that returns its input of one float: enough to make a provider load its libraries. */
const IDENTITY_MODEL =
  'CAg6OwoQCgF4EgF5IghJZGVudGl0eRIFcHJvYmVaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAR';

/**
 * Loads the model of a version: verified bytes, and no others. The runtime finds external data only in a private folder
 * that holds copies of the listed files; without such files, in a place where nothing can be.
 *
 * @throws LoadError when a file is not the listed one, an error of ONNX Runtime when it cannot load the model
 */
export async function openModel(spec: EngineSpec): Promise<InferenceSession> {
  const { directory, manifest, privateDir } = spec;
  const model = await readVerified(directory, manifest.file);
  checkExternalData(model, manifest);
  if (privateDir) {
    for (const file of manifest.file.external_data) await copyVerified(directory, file, privateDir);
  }
  try {
    return await InferenceSession.create(model, sessionOptions(spec));
  } finally {
    // Gives the memory back now; the collector would not come for a while.
    model.buffer.transfer(0);
  }
}

/**
 * Options of ONNX Runtime. `allow_spinning: 0`: a thread that waits for its turn sleeps; spinning would take the
 * core from the decoders and from the other engine. Without memory patterns, which plan one block for each batch size,
 * an engine takes 15 MB less and runs as fast (EfficientNet-Lite0). CUDA keeps the CPU provider behind it, for the few
 * nodes that CUDA does not implement.
 */
export function sessionOptions(
  settings: Pick<EngineSpec, 'provider' | 'deviceId' | 'intraOpThreads' | 'privateDir'>,
): InferenceSession.SessionOptions {
  const { provider, deviceId, intraOpThreads, privateDir } = settings;
  return {
    executionProviders: provider === 'cuda' ? [{ name: 'cuda', deviceId }, 'cpu'] : ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    enableMemPattern: false,
    interOpNumThreads: 1,
    intraOpNumThreads: intraOpThreads,
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        // Without this the runtime guesses the format, and could choose one that the check does not read.
        load_model_format: 'ONNX',
        model_external_initializers_file_folder_path: privateDir ?? devNull,
      },
    },
  };
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
