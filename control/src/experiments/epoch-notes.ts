import type { Queryable } from '@headgate/stores/postgres/database';
import { addEpoch, type Epoch, epochsOf } from '@headgate/stores/records/epochs';
import type { RoutingSnapshot } from '../routing/routing-store.ts';
import { epochOf, sameSplit } from './split.ts';

interface Note {
  readonly model: string;
  readonly experiment: string;
  readonly epoch: Epoch;
}

/**
 * Notes when the split of an experiment changes. Notes wait in memory until somebody reads: an idle service opens no
 * embedded database for them, and a store that is away loses none. A new process takes the time of the table.
 */
export class EpochNotes {
  readonly #latest = new Map<string, Note>();
  #waiting: Note[] = [];

  /** @param nowMs wall clock; a table that is dated later is from a clock that was wrong */
  note({ routing, changedAtMs }: Pick<RoutingSnapshot, 'routing' | 'changedAtMs'>, nowMs: number): void {
    const fromMs = Math.min(changedAtMs ?? nowMs, nowMs);
    for (const [model, { experiment }] of Object.entries(routing.models)) {
      const note = { model, experiment: experiment.name, epoch: epochOf(experiment, fromMs) };
      const before = this.#latest.get(model);
      if (before?.experiment === note.experiment && sameSplit(before.epoch, note.epoch)) continue;
      this.#latest.set(model, note);
      this.#waiting.push(note);
    }
  }

  /** Stores what waits, in order. */
  async store(db: Queryable): Promise<void> {
    for (const note of [...this.#waiting]) {
      await keep(db, note);
      this.#waiting = this.#waiting.filter((other) => other !== note);
    }
  }

  /** What was stored is gone: it is noted again. */
  forget(): void {
    this.#waiting = [...this.#latest.values()];
  }
}

async function keep(db: Queryable, { model, experiment, epoch }: Note): Promise<void> {
  const last = (await epochsOf(db, model, experiment)).at(-1);
  if (last && sameSplit(last, epoch)) return;
  // Also after the clock was set back, an epoch begins after the one before.
  const from_ms = Math.max(epoch.from_ms, (last?.from_ms ?? -1) + 1);
  await addEpoch(db, model, experiment, { ...epoch, from_ms });
}
