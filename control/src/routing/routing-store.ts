import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import { ZodError } from 'zod';
import { AdminError } from '../api/api-env.ts';
import { changedMeanwhile } from './conflict.ts';
import { editText } from './edit-text.ts';
import type { RoutingEdition, RoutingSource, RoutingVersion } from './routing-source.ts';

/** The newest version, which may be refused, beside the table in force. */
export interface RoutingSnapshot extends RoutingEdition {
  /** The last good table: what gateways have in force. */
  readonly routing: Routing;
  /** The version that it was read from. */
  readonly inForce: RoutingEdition;
  /** Problems of the newest version; empty while it is in force. */
  readonly refused: readonly string[];
  readonly source: 'file' | 'config_map';
}

/** The routing table as control reads and writes it (decision 0015). */
export interface RoutingStore {
  /** As it was read last. @throws AdminError store_unavailable before there is one */
  current(): RoutingSnapshot;
  /**
   * Writes a table as a whole. The operator's comments stay.
   *
   * @param revision that the caller has seen
   * @param change returns the new table
   * @param by who asks: `control`, or an actor of the admin API
   * @throws AdminError conflict when another revision is in place, invalid for a table that readers would refuse
   */
  write(revision: string, change: (routing: Routing) => Routing, by: string): Promise<RoutingSnapshot>;
  /** Calls `listener` after each new revision; the function that comes back ends it. */
  onChange(listener: (snapshot: RoutingSnapshot) => void): () => void;
}

export class SourcedRouting implements RoutingStore {
  readonly #source: RoutingSource;
  readonly #edited: (snapshot: RoutingSnapshot) => void;
  readonly #listeners = new Set<(snapshot: RoutingSnapshot) => void>();
  #snapshot: RoutingSnapshot | undefined;
  #text = '';

  /** @param edited gets each new revision that no control process wrote */
  constructor(source: RoutingSource, edited: (snapshot: RoutingSnapshot) => void = () => undefined) {
    this.#source = source;
    this.#edited = edited;
  }

  current(): RoutingSnapshot {
    if (this.#snapshot) return this.#snapshot;
    throw new AdminError('store_unavailable', 'The routing table has not been read yet.');
  }

  /** Reads the source; each second. @throws AdminError store_unavailable; the last table stays */
  async refresh(): Promise<void> {
    const isFirst = this.#snapshot === undefined;
    const version = await this.#source.read();
    if (this.#take(version) && !isFirst && !version.byControl) this.#edited(this.current());
  }

  async write(revision: string, change: (routing: Routing) => Routing, by: string): Promise<RoutingSnapshot> {
    await this.refresh();
    const current = this.current();
    if (current.revision !== revision) throw changedMeanwhile();
    const after = acceptable(change(current.routing));
    const before = current.refused.length === 0 ? current.routing : undefined;
    this.#take(await this.#source.replace(revision, editText(this.#text, before, after), by));
    return this.current();
  }

  onChange(listener: (snapshot: RoutingSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @returns whether it is new */
  #take({ text, revision, changedAtMs, changedBy }: RoutingVersion): boolean {
    const last = this.#snapshot;
    const edition = { revision, changedAtMs, changedBy };
    if (edition.revision === last?.revision) return false;
    const { routing = last?.routing, refused } = parsed(text);
    if (!routing) throw new AdminError('store_unavailable', `The routing table: ${refused.join('; ')}`);
    this.#text = text;
    // A text that is put back in place of a refused one has been in force all the time.
    const isInForce = refused.length === 0 && edition.revision !== last?.inForce.revision;
    const inForce = isInForce || !last ? edition : last.inForce;
    const snapshot = { ...edition, routing, inForce, refused, source: this.#source.kind };
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener(snapshot);
    return true;
  }
}

function parsed(text: string): { readonly routing?: Routing; readonly refused: readonly string[] } {
  try {
    return { routing: readDocument(text, parseRouting), refused: [] };
  } catch (error) {
    return { refused: issuesOf(error) };
  }
}

/** @throws AdminError invalid for a table that readers would refuse */
export function acceptable(routing: Routing): Routing {
  try {
    return parseRouting(routing);
  } catch (error) {
    if (error instanceof ZodError) throw new AdminError('invalid', issuesOf(error).join('; '));
    throw error;
  }
}
