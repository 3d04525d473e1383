/** What was asked of a backend during one slice of time, and what became of it. */
export interface Bucket {
  readonly index: number;
  /** Requests, those that were refused here included. */
  requests: number;
  /** Requests that the backend took, or has not answered yet. */
  accepts: number;
  /** Requests that the backend refused. */
  refusals: number;
}

export type Counts = Omit<Bucket, 'index'>;

const BUCKETS = 8;
/** The current bucket and the one before it: an eighth to a quarter of the window. */
const RECENT_BUCKETS = 2;

/** Counts over a sliding window, to an eighth of its length. */
export class SlidingWindow {
  readonly #bucketMs: number;
  readonly #ring: (Bucket | undefined)[] = new Array(BUCKETS).fill(undefined);

  /** @param windowMs > 0 */
  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  /** The bucket of this moment, to count in. Once the window has moved on, what is counted in it has no effect. */
  at(nowMs: number): Bucket {
    const index = this.#indexOf(nowMs);
    const present = this.#ring[index % BUCKETS];
    if (present?.index === index) return present;
    const fresh = { index, requests: 0, accepts: 0, refusals: 0 };
    this.#ring[index % BUCKETS] = fresh;
    return fresh;
  }

  counts(nowMs: number): Counts {
    const total = { requests: 0, accepts: 0, refusals: 0 };
    const oldest = this.#indexOf(nowMs) - BUCKETS + 1;
    for (const bucket of this.#ring) {
      if (!bucket || bucket.index < oldest) continue;
      total.requests += bucket.requests;
      total.accepts += bucket.accepts;
      total.refusals += bucket.refusals;
    }
    return total;
  }

  /** Whether the backend refused anything a moment ago. Asked for each request. */
  refusedRecently(nowMs: number): boolean {
    const oldest = this.#indexOf(nowMs) - RECENT_BUCKETS + 1;
    return this.#ring.some((bucket) => bucket !== undefined && bucket.index >= oldest && bucket.refusals > 0);
  }

  isEmpty(nowMs: number): boolean {
    const oldest = this.#indexOf(nowMs) - BUCKETS + 1;
    return !this.#ring.some((bucket) => bucket !== undefined && bucket.index >= oldest);
  }

  #indexOf(nowMs: number): number {
    return Math.floor(nowMs / this.#bucketMs);
  }
}
