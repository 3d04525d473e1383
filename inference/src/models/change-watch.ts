import type { TimerClock } from '@headgate/runtime/clock';
import type { Deployment } from './deployment.ts';
import type { ModelPackage, ModelRepository } from './repository.ts';

export interface ChangeWatchOptions {
  /** Served versions, loading and failed ones too. */
  readonly deployments: () => readonly Deployment[];
  readonly repository: Pick<ModelRepository, 'isCurrent'>;
  /** Time between two looks, in ms. */
  readonly pollMs: number;
  readonly clock: TimerClock;
}

/**
 * Notices that the repository no longer holds what is served. Nothing is loaded because of it: a version that serves
 * goes on as it was loaded, and shows that it was changed, until an operator reloads it.
 */
export class ChangeWatch {
  readonly #options: ChangeWatchOptions;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(options: ChangeWatchOptions) {
    this.#options = options;
    this.#next();
  }

  /** Looks now. */
  async check(): Promise<void> {
    const { deployments, repository } = this.#options;
    for (const deployment of deployments()) {
      const opened: ModelPackage | undefined = deployment.package;
      if (opened) deployment.setChangedOnDisk(opened, !(await repository.isCurrent(opened)));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #next(): void {
    const { clock, pollMs } = this.#options;
    this.#cancel = clock.after(pollMs, () => {
      void this.check().finally(() => {
        if (!this.#stopped) this.#next();
      });
    });
  }
}
