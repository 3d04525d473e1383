import type { Clock } from '@headgate/runtime/clock';
import { LRUCache } from 'lru-cache';
import type { Row } from '../engine/protocol.ts';

export interface RowStoreOptions {
  /** Most bytes that all entries together may take: rows, keys and what it costs to keep them. */
  readonly maxBytes: number;
  /** Entries are forgotten after this time, in ms; 0: never. */
  readonly ttlMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Why entries left. */
export interface Evictions {
  /** Longest unused, when there was no room. */
  readonly room: number;
  readonly expired: number;
}

/** Memory of an entry without its elements, in bytes: measured, rounded up. */
const ENTRY_BYTES = 512;
/** The same for each typed array. */
const ARRAY_BYTES = 256;

/**
 * Rows by key, the least recently used ones leaving first. What goes in and what comes out are copies: no caller
 * holds memory that another one sees, and an entry does not hold the engine's whole message.
 */
export class RowStore {
  readonly #rows: LRUCache<string, Row>;
  #room = 0;
  #expired = 0;

  constructor({ maxBytes, ttlMs, clock }: RowStoreOptions) {
    this.#rows = new LRUCache({
      maxSize: maxBytes,
      ttl: ttlMs,
      // Our clock at every look, and no timer that remembers the time.
      perf: { now: () => clock.monotonicMs() },
      ttlResolution: 0,
      dispose: (_row, _key, reason) => {
        if (reason === 'evict') this.#room += 1;
        if (reason === 'expire') this.#expired += 1;
      },
    });
  }

  /** As accounted; never above `maxBytes`. */
  get bytes(): number {
    return this.#rows.calculatedSize;
  }

  get entries(): number {
    return this.#rows.size;
  }

  get evictions(): Evictions {
    return { room: this.#room, expired: this.#expired };
  }

  /** Whether `get` would find it; does not make it any younger. */
  has(key: string): boolean {
    return this.#rows.has(key);
  }

  get(key: string): Row | undefined {
    const row = this.#rows.get(key);
    return row && copyOf(row);
  }

  /** Keeps a row, unless it is larger than the whole store. */
  set(key: string, row: Row): void {
    this.#rows.set(key, copyOf(row), { size: bytesOf(key, row) });
  }

  clear(): void {
    this.#rows.clear();
  }
}

/** The same row in memory of its own. */
export function copyOf(row: Row): Row {
  if ('classIds' in row) {
    const classes = { classIds: row.classIds.slice(), scores: row.scores.slice() };
    return row.sketch ? { ...classes, sketch: row.sketch.slice() } : classes;
  }
  return row.map(({ shape, block }) => ({ shape: [...shape], block: new Uint8Array(block) }));
}

function bytesOf(key: string, row: Row): number {
  const base = ENTRY_BYTES + key.length;
  if ('classIds' in row) {
    const sketchBytes = row.sketch ? ARRAY_BYTES + row.sketch.byteLength : 0;
    return base + 2 * ARRAY_BYTES + row.classIds.byteLength + row.scores.byteLength + sketchBytes;
  }
  return row.reduce((sum, { shape, block }) => sum + ARRAY_BYTES + 8 * shape.length + block.byteLength, base);
}
