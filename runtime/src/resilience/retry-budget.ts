import type { RetryBudgetConfig } from './policies.ts';

/** The window moves in steps of one part. */
const PARTS = 10;

/** Counts calls and retries over a moving window; calls that are sent again stay a small share of all. */
export class RetryBudget {
  readonly #config: RetryBudgetConfig;
  readonly #nowMs: () => number;
  readonly #parts = Array.from({ length: PARTS }, () => ({ at: -1, calls: 0, retries: 0 }));

  /** @param nowMs monotonic clock */
  constructor(config: RetryBudgetConfig, nowMs: () => number) {
    this.#config = config;
    this.#nowMs = nowMs;
  }

  /** A first attempt begins. */
  countCall(): void {
    this.#part().calls += 1;
  }

  /** True, and counted, when one more retry keeps within the budget. */
  tryRetry(): boolean {
    const part = this.#part();
    const recent = this.#parts.filter(({ at }) => at > part.at - PARTS);
    const calls = recent.reduce((sum, one) => sum + one.calls, 0);
    const retries = recent.reduce((sum, one) => sum + one.retries, 0);
    const allowed = Math.max(this.#config.min_retries, Math.floor(calls * this.#config.share));
    if (retries >= allowed) return false;
    part.retries += 1;
    return true;
  }

  /** The part of the window that is now; one that was used a window ago is emptied. */
  #part() {
    const at = Math.floor((this.#nowMs() * PARTS) / this.#config.window_ms);
    const index = at % PARTS;
    const part = this.#parts[index];
    if (part?.at === at) return part;
    const fresh = { at, calls: 0, retries: 0 };
    this.#parts[index] = fresh;
    return fresh;
  }
}
