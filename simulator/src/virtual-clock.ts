import type { TimerClock } from '@headgate/runtime/clock';

interface Timer {
  readonly atMs: number;
  /** Timers of the same moment fire in the order in which they were set. */
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** A clock that jumps from one timer to the next: an hour of traffic takes seconds. */
export class VirtualClock implements TimerClock {
  readonly #heap: Timer[] = [];
  #nowMs = 0;
  #order = 0;

  readonly monotonicMs = () => this.#nowMs;
  readonly epochMs = () => this.#nowMs;

  after(delayMs: number, fn: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fn, cancelled: false };
    this.#push(timer);
    return () => {
      timer.cancelled = true;
    };
  }

  /**
   * Fires timers until there is none left, or until `isDone`. What promises do because of a timer happens at its time.
   *
   * @throws Error when no timer is left before `isDone`
   */
  async run(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const timer = this.#pop();
      if (!timer) throw new Error('nothing happens any more, and the end is not reached');
      if (timer.cancelled) continue;
      this.#nowMs = timer.atMs;
      timer.fn();
      await settled();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isSooner(heap[above] as Timer, timer)) break;
      heap[at] = heap[above] as Timer;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isSooner(heap[below + 1] as Timer, heap[below] as Timer)) below += 1;
      if (isSooner(last, heap[below] as Timer)) break;
      heap[at] = heap[below] as Timer;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isSooner(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** After all that promises do now. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
