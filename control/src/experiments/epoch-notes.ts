import type { Queryable } from '@headgate/stores/postgres/database';
import { addEpoch, type Epoch, epochsOf } from '@headgate/stores/records/epochs';
import type { RoutingSnapshot } from '../routing/routing-store.ts';
import { epochOf, sameSplit } from './split.ts';

interface Note {
  readonly model: string;
  readonly epoch: Epoch;
}

/**
 * Notes when the split of an experiment changes. Notes wait in memory until somebody reads: an idle service opens no
 * embedded database for them, and a store that is away loses none. A new process takes the time of the table.
 */
export class EpochNotes {
  readonly #latest = new Map<string, Note>();
  #waiting: Note[] = [];

  /**
   * @param nowMs wall clock; it dates a table whose own date cannot be right: one from the future, or an old file that
   *   was put back
   */
  note({ routing, changedAtMs }: Pick<RoutingSnapshot, 'routing' | 'changedAtMs'>, nowMs: number): void {
    for (const [model, { experiment }] of Object.entries(routing.models)) {
      const before = this.#latest.get(model)?.epoch;
      const isDated =
        changedAtMs !== null && changedAtMs <= nowMs && changedAtMs > (before?.from_ms ?? -Infinity);
      const note = { model, epoch: epochOf(experiment, isDated ? changedAtMs : nowMs) };
      if (before && sameSplit(before, note.epoch)) continue;
      this.#latest.set(model, note);
      this.#waiting.push(note);
    }
  }

  /** Stores what waits, in order. */
  async store(db: Queryable): Promise<void> {
    const waiting = [...this.#waiting];
    for (const [index, note] of waiting.entries()) {
      const later = waiting.slice(index + 1).filter(({ model }) => model === note.model);
      await keep(db, note, later);
      this.#waiting = this.#waiting.filter((other) => other !== note);
    }
  }

  /** What was stored is gone: it is noted again. */
  forget(): void {
    this.#waiting = [...this.#latest.values()];
  }
}

/** @param later of the same model */
async function keep(db: Queryable, { model, epoch }: Note, later: readonly Note[]): Promise<void> {
  const known = await epochsOf(db, model);
  const last = known.at(-1);
  const isStored = (one: Epoch) =>
    known.some((other) => other.from_ms === one.from_ms && sameSplit(other, one));
  if (last && sameSplit(last, epoch)) return;
  // Another process stored it; of two changes in one second, each process dates the second by its own clock.
  if (isStored(epoch) || later.some((note) => isStored(note.epoch))) return;
  // Also after the clock was set back, an epoch begins after the one before.
  const from_ms = Math.max(epoch.from_ms, (last?.from_ms ?? -1) + 1);
  await addEpoch(db, model, { ...epoch, from_ms });
}
