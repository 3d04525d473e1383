import type { TimerClock } from '@headgate/runtime/clock';

interface Job {
  /** Ms that it would still take alone. */
  leftMs: number;
  /** Gives way to those that do not: the niceness of engines. */
  readonly yields: boolean;
  readonly done: () => void;
}

interface Core {
  running: Job | undefined;
  beganMs: number;
  /** Cancels the end of the slice. */
  cancel: () => void;
  readonly first: Job[];
  readonly yielding: Job[];
}

/** A thread that others wait for keeps its core until the next tick of the kernel (250 per second). */
const SLICE_MS = 4;
/** A core that is idle for three ticks is given a thread that waits for another one. */
const BALANCE_MS = 3 * SLICE_MS;
/** Less is rounding. */
const NOTHING_MS = 1e-6;

export interface MachineOptions {
  readonly cores: number;
  readonly clock: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Cores as the kernel gives them to threads: a thread that wakes gets an idle core, or else waits for a busy one, where
 * threads take turns in slices. Most gaps of a core are too short for a waiting thread to move there.
 */
export class Machine {
  readonly #cores: readonly Core[];
  readonly #clock: TimerClock;
  readonly #random: () => number;
  #busyMs = 0;

  constructor({ cores, clock, random }: MachineOptions) {
    this.#cores = Array.from({ length: cores }, () => ({
      running: undefined,
      beganMs: 0,
      cancel: () => undefined,
      first: [],
      yielding: [],
    }));
    this.#clock = clock;
    this.#random = random;
  }

  /** Core-ms of what has ended its slice. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** Runs a job on so many threads. @param aloneMs how long it takes on an idle machine */
  run(aloneMs: number, done: () => void, { threads = 1, yields = false } = {}): void {
    let left = threads;
    const ended = () => {
      left -= 1;
      if (left === 0) done();
    };
    for (let thread = 0; thread < threads; thread += 1) this.#wake({ leftMs: aloneMs, yields, done: ended });
  }

  #wake(job: Job): void {
    const idle = this.#cores.filter(({ running }) => !running);
    const from = idle.length > 0 ? idle : this.#cores;
    const core = from[Math.floor(this.#random() * from.length)] as Core;
    queueOf(core, job).push(job);
    if (core.running?.yields && !job.yields) {
      const stopped = this.#stop(core, core.running);
      queueOf(core, stopped).unshift(stopped);
    }
    if (!core.running) this.#next(core);
  }

  #next(core: Core): void {
    core.cancel();
    const job = core.first.shift() ?? core.yielding.shift();
    if (!job) {
      core.cancel = this.#clock.after(BALANCE_MS, () => this.#balance(core));
      return;
    }
    core.running = job;
    core.beganMs = this.#clock.monotonicMs();
    core.cancel = this.#clock.after(Math.min(job.leftMs, SLICE_MS), () => {
      this.#stop(core, job);
      const isDone = job.leftMs <= NOTHING_MS;
      if (!isDone) queueOf(core, job).push(job);
      this.#next(core);
      if (isDone) job.done();
    });
  }

  /** Gives a core that stays idle a thread that waits for another one. */
  #balance(core: Core): void {
    const from = this.#cores.toSorted((a, b) => waitingAt(b) - waitingAt(a))[0] as Core;
    const job = from.first.shift() ?? from.yielding.shift();
    if (!job) return;
    queueOf(core, job).push(job);
    this.#next(core);
  }

  #stop(core: Core, job: Job): Job {
    const ranMs = this.#clock.monotonicMs() - core.beganMs;
    job.leftMs = Math.max(0, job.leftMs - ranMs);
    this.#busyMs += ranMs;
    core.cancel();
    core.running = undefined;
    return job;
  }
}

const waitingAt = ({ first, yielding }: Core) => first.length + yielding.length;
const queueOf = (core: Core, { yields }: Job) => (yields ? core.yielding : core.first);

export interface Cost {
  /** CPU-ms of a job while others follow at once. */
  readonly busyMs: number;
  /** Added where the process slept before: waking up, cold caches. */
  readonly wakeMs: number;
  /** Share of both that is spent after the result has left. */
  readonly afterShare?: number;
}

interface Waiting {
  readonly cost: Cost;
  readonly done: () => void;
}

/** A process that does one job after the other on each of its threads, as an event loop does. */
export class Process {
  readonly #machine: Machine;
  readonly #threads: number;
  readonly #yields: boolean;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(machine: Machine, { threads = 1, yields = false } = {}) {
    this.#machine = machine;
    this.#threads = threads;
    this.#yields = yields;
  }

  run(cost: Cost, done: () => void): void {
    if (this.#running >= this.#threads) this.#waiting.push({ cost, done });
    else this.#start({ cost, done }, this.#running === 0);
  }

  #start({ cost: { busyMs, wakeMs, afterShare = 0 }, done }: Waiting, sleeps = false): void {
    this.#running += 1;
    const ms = busyMs + (sleeps ? wakeMs : 0);
    const how = { yields: this.#yields };
    const ended = () => {
      this.#running -= 1;
      const next = this.#waiting.shift();
      if (next) this.#start(next);
    };
    const left = () => {
      if (afterShare > 0) this.#machine.run(afterShare * ms, ended, how);
      else ended();
      done();
    };
    this.#machine.run((1 - afterShare) * ms, left, how);
  }
}
