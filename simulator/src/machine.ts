import type { TimerClock } from '@headgate/runtime/clock';

interface Task {
  /** Ms that it would still take alone. */
  leftMs: number;
  /** Cores that it keeps busy. */
  readonly threads: number;
  readonly done: () => void;
}

/** Less is rounding. */
const NOTHING_MS = 1e-6;

/**
 * Cores that runnable tasks share evenly, as the kernel's fair scheduler does over times longer than its slices
 * (processor sharing): with more threads than cores, all tasks are slower by the same factor.
 */
export class Machine {
  readonly #cores: number;
  readonly #clock: TimerClock;
  readonly #tasks = new Set<Task>();
  #threads = 0;
  #atMs = 0;
  #cancel: () => void = () => undefined;
  #busyMs = 0;

  /** @param cores Infinity: nothing is ever slowed down */
  constructor(cores: number, clock: TimerClock) {
    this.#cores = cores;
    this.#clock = clock;
  }

  /** Core-ms used so far. */
  get busyMs(): number {
    this.#advance();
    return this.#busyMs;
  }

  /** Runs a task. @param aloneMs how long it takes on an idle machine */
  run(aloneMs: number, done: () => void, threads = 1): void {
    this.#advance();
    this.#tasks.add({ leftMs: aloneMs, threads, done });
    this.#threads += threads;
    this.#plan();
  }

  get #speed(): number {
    return Math.min(1, this.#cores / this.#threads);
  }

  #advance(): void {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = (nowMs - this.#atMs) * (this.#tasks.size > 0 ? this.#speed : 0);
    this.#atMs = nowMs;
    this.#busyMs += passedMs * this.#threads;
    for (const task of this.#tasks) task.leftMs -= passedMs;
  }

  #plan(): void {
    this.#cancel();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { leftMs } of this.#tasks) nextMs = Math.min(nextMs, leftMs);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#clock.after(Math.max(0, nextMs) / this.#speed, () => this.#finish());
  }

  #finish(): void {
    this.#advance();
    const finished = [...this.#tasks].filter(({ leftMs }) => leftMs <= NOTHING_MS);
    for (const task of finished) {
      this.#tasks.delete(task);
      this.#threads -= task.threads;
    }
    this.#plan();
    for (const { done } of finished) done();
  }
}

export interface Cost {
  /** CPU-ms of a job while others follow at once. */
  readonly busyMs: number;
  /** Added where the process slept before: waking up, cold caches. */
  readonly wakeMs: number;
}

/** A process that does one job after the other on each of its threads, as an event loop does. */
export class Process {
  readonly #machine: Machine;
  readonly #threads: number;
  readonly #waiting: { readonly cost: Cost; readonly done: () => void }[] = [];
  #running = 0;

  constructor(machine: Machine, threads = 1) {
    this.#machine = machine;
    this.#threads = threads;
  }

  run(cost: Cost, done: () => void): void {
    if (this.#running >= this.#threads) this.#waiting.push({ cost, done });
    else this.#start(cost.busyMs + (this.#running === 0 ? cost.wakeMs : 0), done);
  }

  #start(ms: number, done: () => void): void {
    this.#running += 1;
    this.#machine.run(ms, () => {
      this.#running -= 1;
      const next = this.#waiting.shift();
      if (next) this.#start(next.cost.busyMs, next.done);
      done();
    });
  }
}
