import type { Rollout } from '@headgate/contracts/rollout';
import type { Clock } from '@headgate/runtime/clock';

/**
 * How long rollouts are in their states. The wall clock counts only what passed before this process saw the state: a
 * clock that is set neither ends a step nor makes it longer.
 */
export class Held {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { readonly state: string; readonly sinceMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Forgets all others. */
  keepOnly(rollouts: readonly Rollout[]): void {
    const ids = new Set(rollouts.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
  }

  ofMs({ id, state }: Rollout): number {
    const nowMs = this.#clock.monotonicMs();
    const key = `${state.kind} ${state.since_ms}`;
    const before = this.#seen.get(id);
    if (before?.state === key) return nowMs - before.sinceMs;
    const elapsedMs = Math.max(0, this.#clock.epochMs() - state.since_ms);
    this.#seen.set(id, { state: key, sinceMs: nowMs - elapsedMs });
    return elapsedMs;
  }
}
