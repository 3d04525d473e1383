import type { Clock } from '@headgate/runtime/clock';

/** The end of an overload is noticed in an eighth to a quarter of the window; the excess over 1 is what notices room. */
export const SHEDDING = { window_ms: 2000, sent_per_accepted: 1.1, max_share: 0.95 };

export interface ThrottleOptions {
  /** Time that is looked back on, in ms. */
  readonly window_ms: number;
  /** Calls sent on per call that inference took; more are refused here. Above 1, so that room is noticed. */
  readonly sent_per_accepted: number;
  /** Largest share of requests refused here; below 1, so that some always try. 0: none are. */
  readonly max_share: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A model version, as the routing table has it, and who asks it. */
interface Served {
  readonly model: string;
  readonly version: string;
  /** Inference refuses the items of one caller to keep room for others; the throttle does not refuse those others. */
  readonly tenant: string;
}

/** A request that is refused here, in place of inference. */
export interface Shed {
  /** What inference said last; undefined when it said nothing. */
  readonly retryAfterMs: number | undefined;
}

export type Throttle = ReturnType<typeof createThrottle>;

interface Backend {
  readonly window: SlidingWindow;
  retryAfterMs: number | undefined;
}

/**
 * Refuses here what inference would surely refuse: client-side throttling as in "Handling Overload" of Google's book
 * on site reliability engineering, per model version and caller.
 */
export function createThrottle(options: ThrottleOptions) {
  const { window_ms, clock, random } = options;
  const backends = new Map<string, Backend>();
  let sweptAtMs = clock.monotonicMs();
  let refusedAtMs = Number.NEGATIVE_INFINITY;

  /** Versions and callers come and go: once a window, those that did not ask in it are dropped. */
  const open = (name: string, nowMs: number): Backend => {
    if (nowMs - sweptAtMs >= window_ms) {
      for (const [other, { window }] of backends) if (window.isEmpty(nowMs)) backends.delete(other);
      sweptAtMs = nowMs;
    }
    const backend = { window: new SlidingWindow(window_ms), retryAfterMs: undefined };
    backends.set(name, backend);
    return backend;
  };

  return {
    /** Whether inference refused anybody in the window. */
    refusedLately: () => clock.monotonicMs() - refusedAtMs < window_ms,

    /** Decides about a request before its body is read, and counts it when it is refused; undefined: it may pass. */
    shed(served: Served): Shed | undefined {
      const backend = backends.get(nameOf(served));
      if (!backend) return undefined;
      const { window, retryAfterMs } = backend;
      const nowMs = clock.monotonicMs();
      // While inference takes everything, there is room, whatever the window remembers.
      if (!window.refusedRecently(nowMs)) return undefined;
      if (random() >= shareToShed(window.counts(nowMs), options)) return undefined;
      window.at(nowMs).requests += 1;
      return { retryAfterMs };
    },

    /** A call was sent to inference. It counts as accepted unless one of the answered functions is called, once. */
    sent(served: Served) {
      const name = nameOf(served);
      const nowMs = clock.monotonicMs();
      const backend = backends.get(name) ?? open(name, nowMs);
      const bucket = backend.window.at(nowMs);
      bucket.requests += 1;
      bucket.accepts += 1;
      return {
        /** Inference had no room for it. */
        refused(retryAfterMs: number | undefined): void {
          bucket.accepts -= 1;
          refusedAtMs = clock.monotonicMs();
          backend.window.at(refusedAtMs).refusals += 1;
          backend.retryAfterMs = retryAfterMs;
        },
        /** How it ended says nothing of whether there was room. */
        withdraw(): void {
          bucket.requests -= 1;
          bucket.accepts -= 1;
        },
      };
    },
  };
}

/** The book's formula: 0 while nothing is refused, and never 1. */
export function shareToShed(
  { requests, accepts }: Counts,
  { sent_per_accepted, max_share }: Pick<ThrottleOptions, 'sent_per_accepted' | 'max_share'>,
): number {
  const share = (requests - sent_per_accepted * accepts) / (requests + 1);
  return Math.min(max_share, Math.max(0, share));
}

function nameOf({ model, version, tenant }: Served): string {
  return `${model}/${version}/${tenant}`;
}

/** Requests to a backend during one slice of time, and their outcomes. */
interface Bucket {
  readonly index: number;
  /** Requests, those that were refused here included. */
  requests: number;
  /** Requests that the backend took, or has not answered yet. */
  accepts: number;
  /** Requests that the backend refused. */
  refusals: number;
}

type Counts = Pick<Bucket, 'requests' | 'accepts'>;

const BUCKETS = 8;
/** The current bucket and the one before it: an eighth to a quarter of the window. */
const RECENT_BUCKETS = 2;

/** Counts over a sliding window, to an eighth of its length. */
class SlidingWindow {
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
    const total = { requests: 0, accepts: 0 };
    const oldest = this.#indexOf(nowMs) - BUCKETS + 1;
    for (const bucket of this.#ring) {
      if (!bucket || bucket.index < oldest) continue;
      total.requests += bucket.requests;
      total.accepts += bucket.accepts;
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
