import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { Logger } from '@headgate/runtime/logger';

/** A crashed engine is started again after a pause that doubles; the files of served versions are compared every 5 s. */
export const TIMES = { restartMinMs: 100, restartMaxMs: 30_000, pollMs: 5000 };

export interface InferenceOptions {
  readonly config: Config;
  /** Base of the relative paths in the configuration. */
  readonly root: string;
  /** Environment of this process, and of its engines. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Module that engine processes run. */
  readonly engineEntry: URL;
  /** Cores that this process and its engines may use. */
  readonly cores: number;
  /** Tests shorten and stretch them. */
  readonly times?: Partial<typeof TIMES>;
}

export function modelsDirOf({ config, root }: InferenceOptions): string {
  return resolve(root, config.inference.models_dir);
}

export function cacheDirOf({ config, root }: InferenceOptions): string {
  return resolve(root, config.registry.cache_dir);
}
