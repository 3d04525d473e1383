import type { InferenceConfig } from '@headgate/contracts/config';
import type { Provider } from './protocol.ts';

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
 * Resolves the automatic values of the configuration: one engine per two cores, with a session of two threads; with
 * CUDA one engine per device.
 *
 * Measured on two cores with EfficientNet-Lite0, images/s at 1, 8 and 32 callers: one engine with two threads 96,
 * 132, 145 (p50 of a lone caller 9.5 ms); two engines with one thread 71, 145, 151 (13 ms) at twice the memory. CPU
 * time per image is the same. So the default favours the lone caller; `instances: <cores>` favours throughput, the
 * more so where other processes keep the cores busy, since a session of several threads waits for its slowest one.
 * `npm run bench:layouts` compares them on the machine at hand.
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

/** Engines of one device: of a GPU one, which it keeps busy; of the CPU one per two cores. */
function defaultInstances({ cores, provider }: Machine): number {
  return provider === 'cuda' ? 1 : Math.max(1, Math.floor(cores / 2));
}
