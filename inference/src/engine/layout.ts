import type { InferenceConfig } from '@headgate/contracts/config';

type Execution = Pick<InferenceConfig['execution'], 'instances' | 'intra_op_threads'>;

/** How the cores are shared out among the engines of one model version. */
export interface Layout {
  readonly instances: number;
  /** Threads of one session. */
  readonly intraOpThreads: number;
  /** Images that one engine decodes at the same time. */
  readonly decodeThreads: number;
}

/**
 * Resolves the automatic values of the configuration.
 *
 * @param cores cores that this process may use, >= 1
 */
export function layoutOf({ instances, intra_op_threads }: Execution, cores: number): Layout {
  const engines = instances === 0 ? Math.max(1, Math.floor(cores / 2)) : instances;
  const share = Math.max(1, Math.floor(cores / engines));
  return {
    instances: engines,
    intraOpThreads: intra_op_threads === 0 ? share : intra_op_threads,
    decodeThreads: share,
  };
}
