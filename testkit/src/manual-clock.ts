import type { Clock } from '@headgate/runtime/clock';

/** A clock that stands still until a test moves it; it starts in November 2023. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly fn: () => void }>();

  /** For parts that take their clock as one function. */
  readonly now = () => this.#nowMs;
  readonly monotonicMs = this.now;
  readonly epochMs = () => 1_700_000_000_000 + this.#nowMs;

  after(delayMs: number, fn: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that would still fire. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms` and fires what is due, in order of time. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fn();
    }
    this.#nowMs = untilMs;
  }
}
