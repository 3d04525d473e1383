import type { InferenceConfig } from '@headgate/contracts/config/schema';
import type { Provider } from '../protocol.ts';

type Shares = 'instances' | 'intra_op_threads' | 'decode_threads' | 'devices';
type Inference = {
  readonly execution: Pick<InferenceConfig['execution'], Shares>;
  readonly models: InferenceConfig['models'];
};

/** How the cores are shared out among the engines of one model version. */
export interface Layout {
  /** Device of each engine. */
  readonly devices: readonly number[];
  /** Threads of one session. */
  readonly intraOpThreads: number;
  /** Images that one engine decodes at the same time. */
  readonly decodeThreads: number;
}

export interface Machine {
  /** Cores that this process may use, >= 1. */
  readonly cores: number;
  readonly provider: Provider;
}

/**
 * Resolves the automatic values of the configuration: on up to four cores one engine per core, each with a session of
 * one thread; on more, one engine per two cores; with CUDA one engine per device.
 *
 * Measured on two cores with EfficientNet-Lite0 (`npm run bench:layouts`), images/s at 1, 8 and 32 callers: two engines
 * with one thread 85, 173, 192 (p50 of a lone caller 11.1 ms); one engine with two threads 89, 156, 174 (10.4 ms), since
 * a session of several threads waits for its slowest one. Two engines take 1.75 times the memory of one.
 * `instances: 1` favours the lone caller and memory. More than two cores were not at hand to measure.
 *
 * @param model its own section of `inference.models` outranks the common one
 */
export function layoutOf({ execution, models }: Inference, model: string, machine: Machine): Layout {
  const own = Object.hasOwn(models, model) ? models[model] : undefined;
  const { devices = execution.devices, instances = execution.instances } = own ?? {};
  const { intra_op_threads = execution.intra_op_threads, decode_threads = execution.decode_threads } =
    own ?? {};
  const perDevice = instances === 0 ? defaultInstances(machine) : instances;
  const places = machine.provider === 'cuda' ? devices : [0];
  const engines = places.flatMap((device) => new Array<number>(perDevice).fill(device));
  const share = Math.max(1, Math.floor(machine.cores / engines.length));
  return {
    devices: engines,
    intraOpThreads: intra_op_threads || share,
    decodeThreads: decode_threads || share,
  };
}

/** From so many cores on, engines have sessions of two threads: memory would grow with every core otherwise. */
const CORES_WITH_ENGINE = 4;

/** Engines of one device: of a GPU one, which it keeps busy. */
function defaultInstances({ cores, provider }: Machine): number {
  if (provider === 'cuda') return 1;
  return Math.max(Math.min(cores, CORES_WITH_ENGINE), Math.floor(cores / 2));
}
