/** Items that may be in flight: at least `min`, so that engines keep busy, and at most `max`. */
export interface LimitBounds {
  readonly min: number;
  readonly max: number;
}

export interface AdaptiveLimitOptions {
  /** Share of the callers' time budgets that items may take on average, 0 to 1. */
  readonly targetShare: number;
  /** The limit changes at most once in so many ms. */
  readonly windowMs: number;
}

/** Monotonic, in ms. */
export interface ObservedTimes {
  readonly queuedAtMs: number;
  readonly nowMs: number;
}

/** The limit shrinks to no less than this share of itself at once. */
const STEEPEST = 0.5;

/**
 * How many items of a model version may be in flight. It follows what is measured, in the form of Envoy's gradient
 * controller and Netflix' concurrency-limits:
 *
 *   gradient = target / measured, between 0.5 and 1
 *   limit    = limit × gradient + √limit, between min and max
 *
 * Those compare the latency with that of an idle server, which they can only guess. Here every item says how much
 * time it has, so that the measure is the share of its budget that it took (all of it if it expired). Callers with
 * 30 s of patience may queue; under callers with one second, the queue is kept at what half a second can clear.
 * It begins at max: a burst on an idle server is no overload.
 */
export class AdaptiveLimit {
  readonly #options: AdaptiveLimitOptions;
  #bounds: LimitBounds = { min: 0, max: Number.POSITIVE_INFINITY };
  #limit = Number.POSITIVE_INFINITY;
  #changedAtMs = Number.NEGATIVE_INFINITY;
  /** Since the first sample under the present limit. */
  #windowEndsMs: number | undefined;
  #shares = 0;
  #samples = 0;

  constructor(options: AdaptiveLimitOptions) {
    this.#options = options;
  }

  /** Items. */
  get current(): number {
    return Math.floor(this.#limit);
  }

  /** Engines came or went. A limit that was at its upper bound stays there. */
  resize(bounds: LimitBounds): void {
    const atMax = this.#limit >= this.#bounds.max;
    this.#bounds = bounds;
    this.#limit = atMax ? bounds.max : this.#bounded(this.#limit);
  }

  /**
   * An item was answered, or expired. Those that came before the last change tell nothing about the present limit:
   * to heed them would be to steer by where the ship was.
   *
   * @param share what it took of its budget
   */
  observe(share: number, { queuedAtMs, nowMs }: ObservedTimes): void {
    if (queuedAtMs < this.#changedAtMs) return;
    this.#windowEndsMs ??= nowMs + this.#options.windowMs;
    this.#shares += Math.min(1, share);
    this.#samples += 1;
    if (nowMs >= this.#windowEndsMs) this.#change(nowMs);
  }

  /** The caller of an item went away before its answer: the item took longer than this. */
  observeAtLeast(share: number, times: ObservedTimes): void {
    if (share > this.#options.targetShare) this.observe(share, times);
  }

  #change(nowMs: number): void {
    const measured = this.#shares / this.#samples;
    const gradient = Math.min(1, Math.max(STEEPEST, this.#options.targetShare / measured));
    this.#limit = this.#bounded(this.#limit * gradient + Math.sqrt(this.#limit));
    this.#changedAtMs = nowMs;
    this.#windowEndsMs = undefined;
    this.#shares = 0;
    this.#samples = 0;
  }

  #bounded(limit: number): number {
    return Math.max(this.#bounds.min, Math.min(this.#bounds.max, limit));
  }
}
