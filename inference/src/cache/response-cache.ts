import type { InferenceConfig } from '@headgate/contracts/config/schema';
import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import type { Manifest } from '@headgate/contracts/manifest';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Dispatcher, Work } from '../dispatch.ts';
import type { Payload } from '../engine/protocol.ts';
import type { ItemResult } from '../item.ts';
import { type KeyOf, keysFor, type Tenant } from './key.ts';
import { copyOf, type Evictions, RowStore } from './row-store.ts';
import { SingleFlight } from './single-flight.ts';

export type CacheSettings = InferenceConfig['cache']['models'][string];

/** Who answers the items of one call: the dispatcher, or a cache before it. */
export type Answerer = Pick<Dispatcher, 'admit' | 'submit'>;

export interface ResponseCacheOptions {
  readonly settings: CacheSettings;
  readonly manifest: Manifest;
  readonly dispatcher: Answerer;
  readonly clock: TimerClock;
}

/**
 * Answers of one model version that are kept, and runs that several callers wait for. An item is found again only
 * by its own tenant: what others asked before changes neither an answer nor how long it takes.
 */
export class ResponseCache {
  readonly #dispatcher: Answerer;
  readonly #clock: TimerClock;
  readonly #keyOf: KeyOf;
  readonly #rows: RowStore;
  readonly #flights: SingleFlight;

  constructor({ settings, manifest, dispatcher, clock }: ResponseCacheOptions) {
    this.#dispatcher = dispatcher;
    this.#clock = clock;
    this.#keyOf = keysFor(manifest);
    this.#rows = new RowStore({ maxBytes: settings.max_bytes, ttlMs: settings.ttl_ms, clock });
    this.#flights = new SingleFlight({
      run: async (work, key) => this.#keep(key, await dispatcher.submit(work)),
      clock,
      maxWaiting: settings.max_waiting,
    });
  }

  get bytes(): number {
    return this.#rows.bytes;
  }

  get entries(): number {
    return this.#rows.entries;
  }

  get evictions(): Evictions {
    return this.#rows.evictions;
  }

  /** Who answers a call of these items. Each of them is hashed once, here. */
  forCall({ tenant, items, costs, sketch = false }: CachedCall): Answerer {
    const ask = (payload: Payload) => this.#ask(tenant, payload, sketch);
    const asked = new Map(items.map((payload) => [payload, ask(payload)]));
    return {
      admit: (terms) => {
        // What is known needs neither room nor an engine.
        const misses = new Map<string, number>();
        items.forEach((payload, i) => {
          const key = asked.get(payload)?.key ?? '';
          if (!this.#knows(key)) misses.set(key, costs[i]?.work ?? 0);
        });
        const work = [...misses.values()].reduce((sum, one) => sum + one, 0);
        if (misses.size > 0) this.#dispatcher.admit({ ...terms, count: misses.size, work });
      },
      submit: (work) => this.#answer(asked.get(work.payload) ?? ask(work.payload), work),
    };
  }

  /** Forgets everything; what runs goes on. */
  clear(): void {
    this.#rows.clear();
  }

  #ask(tenant: Tenant, payload: Payload, sketch: boolean): Asked {
    const startedMs = this.#clock.monotonicMs();
    const key = this.#keyOf(tenant, payload, sketch);
    return { key, lookupMs: this.#clock.monotonicMs() - startedMs };
  }

  #knows(key: string): boolean {
    return this.#rows.has(key) || this.#flights.has(key);
  }

  /** Before anybody is answered: who asks next finds it. */
  #keep(key: string, result: ItemResult): ItemResult {
    this.#rows.set(key, result.row);
    return result;
  }

  async #answer({ key, lookupMs }: Asked, work: Work): Promise<ItemResult> {
    const row = this.#rows.get(key);
    if (row) return { ...NO_RUN, row, cache: { outcome: 'hit', lookupMs } };
    const { result, shared } = await this.#flights.join(key, work);
    if (shared) return { ...result, row: copyOf(result.row), cache: { outcome: 'shared', lookupMs } };
    return { ...result, cache: { outcome: 'miss', lookupMs } };
  }
}

/** What a call asks. */
interface CachedCall {
  readonly tenant: Tenant;
  readonly items: readonly Payload[];
  /** What decoding each of them takes. */
  readonly costs: readonly DecodeCost[];
  /** The answers contain sketches too: they differ from those without. */
  readonly sketch?: boolean;
}

/** The key of an item, and what it cost to make. */
interface Asked {
  readonly key: string;
  readonly lookupMs: number;
}

/** Nothing waited, decoded or ran for this answer. */
const NO_RUN = { queueMs: 0, decodeMs: 0, runMs: 0, batchSize: 0 } as const;
