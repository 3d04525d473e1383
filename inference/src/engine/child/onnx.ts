import { InferenceSession } from 'onnxruntime-node';
import type { EngineSpec, ProbeResult, Provider } from '../protocol.ts';

/** An ONNX model that returns its input of one float: enough to make a provider load its libraries. */
const IDENTITY_MODEL =
  'CAg6OwoQCgF4EgF5IghJZGVudGl0eRIFcHJvYmVaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAR';

/**
 * Options of ONNX Runtime. `allow_spinning: 0`: a thread that waits for its turn sleeps; spinning would take the
 * core from the decoders and from the other engine. Without memory patterns, which plan one block for each batch size,
 * an engine takes 15 MB less and runs as fast (EfficientNet-Lite0). CUDA keeps the CPU provider behind it, for the few
 * nodes that CUDA does not implement.
 */
export function sessionOptions(
  settings: Pick<EngineSpec, 'provider' | 'deviceId' | 'intraOpThreads'>,
): InferenceSession.SessionOptions {
  const { provider, deviceId, intraOpThreads } = settings;
  return {
    executionProviders: provider === 'cuda' ? [{ name: 'cuda', deviceId }, 'cpu'] : ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    enableMemPattern: false,
    interOpNumThreads: 1,
    intraOpNumThreads: intraOpThreads,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
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
