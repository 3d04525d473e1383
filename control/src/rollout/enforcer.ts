import { isDeepStrictEqual } from 'node:util';
import type { Rollout } from '@headgate/contracts/rollout';
import { type Experiment, modelRouting } from '@headgate/contracts/routing';
import { AdminError } from '../api/api-env.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { isInForce, tableOf } from './table.ts';
import { CONTROL } from './transitions.ts';

/** Against editors that write at the same time. */
const ATTEMPTS = 5;

/** Brings the routing table to what rollouts ask for, and tells its own writes from those of others. */
export class Enforcer {
  readonly #routing: RoutingStore;

  constructor(routing: RoutingStore) {
    this.#routing = routing;
  }

  /** Who changed the model's experiment after control wrote it, or broke the table; null for nobody. */
  editedBy(rollout: Rollout): string | null {
    if (this.#isInForce(rollout) || this.#isPending(rollout)) return null;
    return this.#routing.current().changedBy ?? 'somebody';
  }

  /**
   * @returns the model's experiment, which is as the rollout asks; undefined while that of an editor stands
   * @throws AdminError: then the next attempt goes on
   */
  async enforce(rollout: Rollout): Promise<Experiment | undefined> {
    if (rollout.state.kind === 'paused') return undefined;
    const isForced = rollout.written === null;
    for (let attempt = 1; !this.#isInForce(rollout); attempt++) {
      if (!isForced && !this.#isPending(rollout)) return undefined;
      const { revision } = this.#routing.current();
      await this.#routing
        .write(revision, (table) => tableOf(rollout, table), CONTROL)
        .catch((error: unknown) => {
          const isConflict = error instanceof AdminError && error.reason === 'conflict';
          if (!isForced || !isConflict || attempt === ATTEMPTS) throw error;
        });
    }
    return this.#experimentOf(rollout);
  }

  #isInForce(rollout: Rollout): boolean {
    const { routing, refused } = this.#routing.current();
    return refused.length === 0 && isInForce(rollout, routing);
  }

  /** The table is as control left it before it saved the rollout that it then had to write. */
  #isPending(rollout: Rollout): boolean {
    const { refused } = this.#routing.current();
    return refused.length === 0 && isDeepStrictEqual(this.#experimentOf(rollout), rollout.written);
  }

  #experimentOf({ model }: Rollout): Experiment | undefined {
    return modelRouting(this.#routing.current().routing, model)?.experiment;
  }
}
