import type { Rollout } from '@headgate/contracts/rollout';
import { AdminError } from '../api/api-env.ts';
import type { RolloutStore } from './rollout-store.ts';

/** New evidence is shown at once, from memory, and written so often. */
const SAVE_MS = 10_000;

interface Entry {
  readonly rollout: Rollout;
  /** Of the document in the store, which may be older than the rollout here. */
  readonly version: string | undefined;
  readonly isSaved: boolean;
  readonly savedMs: number;
}

/** All rollouts: as they are stored, or newer where this process has not written its evidence yet. */
export class Ledger {
  readonly #store: RolloutStore;
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();
  #isRead = false;

  constructor(store: RolloutStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** Reads the store. @returns what another process has written @throws AdminError store_unavailable; what is known stays */
  async refresh(): Promise<readonly Rollout[]> {
    const stored = await this.#store.list();
    const ids = new Set(stored.map(({ rollout }) => rollout.id));
    for (const id of this.#entries.keys()) if (!ids.has(id)) this.#entries.delete(id);
    const changed = stored.filter(
      ({ rollout, version }) => this.#entries.get(rollout.id)?.version !== version,
    );
    for (const { rollout, version } of changed) {
      this.#entries.set(rollout.id, { rollout, version, isSaved: true, savedMs: this.#nowMs() });
    }
    this.#isRead = true;
    return changed.map(({ rollout }) => rollout);
  }

  /** As the store was read last, newest first. @throws AdminError store_unavailable before it was */
  async list(): Promise<readonly Rollout[]> {
    if (!this.#isRead) await this.refresh();
    return [...this.#entries.values()]
      .map(({ rollout }) => rollout)
      .sort((a, b) => b.started_at_ms - a.started_at_ms);
  }

  /** @throws AdminError not_found, store_unavailable */
  async get(id: string): Promise<Rollout> {
    const found = (await this.list()).find((rollout) => rollout.id === id);
    if (found) return found;
    throw new AdminError('not_found', 'There is no such rollout.');
  }

  /** In memory; the store gets it with `saveDue`. */
  keep(rollout: Rollout, { isUrgent = false } = {}): void {
    const before = this.#entries.get(rollout.id);
    if (before?.rollout === rollout) return;
    const savedMs = isUrgent ? -Infinity : (before?.savedMs ?? this.#nowMs());
    this.#entries.set(rollout.id, { rollout, version: before?.version, isSaved: false, savedMs });
  }

  /** @throws AdminError conflict, store_unavailable */
  async save(rollout: Rollout): Promise<void> {
    const { version } = await this.#store.save(rollout, this.#entries.get(rollout.id)?.version);
    this.#entries.set(rollout.id, { rollout, version, isSaved: true, savedMs: this.#nowMs() });
  }

  async saveDue(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry && !entry.isSaved && this.#nowMs() - entry.savedMs >= SAVE_MS) await this.save(entry.rollout);
  }
}
