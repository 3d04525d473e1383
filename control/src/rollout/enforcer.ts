import type { Rollout } from '@headgate/contracts/rollout';
import { modelRouting } from '@headgate/contracts/routing';
import { AdminError } from '../api/api-env.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { isInForce, tableOf } from './table.ts';
import { CONTROL } from './transitions.ts';

/** Against editors that write at the same time. */
const ATTEMPTS = 5;

/** Brings the routing table to what rollouts ask for, and tells its own writes from those of others. */
export class Enforcer {
  readonly #routing: RoutingStore;
  /** What the table said of a model when it was last as the rollout asked. */
  readonly #ours = new Map<string, string>();
  readonly #forced = new Set<string>();

  constructor(routing: RoutingStore) {
    this.#routing = routing;
  }

  /** From now on the table is written whatever an editor does to it: the rollout is being rolled back. */
  force({ id }: Rollout): void {
    this.#forced.add(id);
  }

  /** Who changed the model's part of the table after control wrote it; null for nobody. */
  editedBy(rollout: Rollout): string | null {
    const { routing, changedBy } = this.#routing.current();
    if (isInForce(rollout, routing) || this.#isPending(rollout)) return null;
    return changedBy ?? 'somebody';
  }

  /**
   * @returns the revision that is as the rollout asks; undefined while that of an editor stands
   * @throws AdminError: then the next attempt goes on
   */
  async enforce(rollout: Rollout): Promise<string | undefined> {
    const isForced = this.#forced.has(rollout.id);
    for (let attempt = 1; !isInForce(rollout, this.#routing.current().routing); attempt++) {
      if (!isForced && !this.#isPending(rollout)) return undefined;
      const { revision } = this.#routing.current();
      await this.#routing
        .write(revision, (table) => tableOf(rollout, table), CONTROL)
        .catch((error: unknown) => {
          const isConflict = error instanceof AdminError && error.reason === 'conflict';
          if (!isForced || !isConflict || attempt === ATTEMPTS) throw error;
        });
    }
    this.#forced.delete(rollout.id);
    this.#ours.set(rollout.id, this.#experimentOf(rollout));
    return this.#routing.current().revision;
  }

  /** The table is as control left it before it saved the rollout that it then had to write. */
  #isPending(rollout: Rollout): boolean {
    const isOurs = this.#ours.get(rollout.id) === this.#experimentOf(rollout);
    return isOurs || this.#routing.current().revision === rollout.routing_revision;
  }

  #experimentOf({ model }: Rollout): string {
    return JSON.stringify(modelRouting(this.#routing.current().routing, model)?.experiment ?? null);
  }
}
