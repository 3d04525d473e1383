import type { EngineListener } from '@headgate/inference/engine-listener';
import type { EnginePort } from '@headgate/inference/lane';
import type { TimerClock } from '@headgate/runtime/clock';
import { type Machine, Process } from './machine.ts';

export interface EngineTimes {
  /** Of the next photo. */
  readonly decodeMs: () => number;
  /** Of the next run. */
  readonly runMs: (size: number) => number;
  readonly decodeThreads: number;
  /** Cores that a run keeps busy; 0: an accelerator of its own runs it. */
  readonly runThreads: number;
}

/** An engine that takes the time of its calibration on the cores of a machine, and does nothing. */
export class SimulatedEngine implements EnginePort {
  readonly maxBatchSize = Number.POSITIVE_INFINITY;
  readonly decodeThreads: number;
  readonly #times: EngineTimes;
  readonly #machine: Machine;
  readonly #messages: Process;
  readonly #clock: TimerClock;
  readonly #queue: number[] = [];
  readonly #decoding = new Set<number>();
  readonly #unwanted = new Set<number>();
  #listener: EngineListener | undefined;

  constructor(times: EngineTimes, machine: Machine, clock: TimerClock) {
    this.decodeThreads = times.decodeThreads;
    this.#times = times;
    this.#machine = machine;
    this.#messages = new Process(machine, YIELDS);
    this.#clock = clock;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  prepare(id: number): void {
    this.#message(() => {
      this.#queue.push(id);
      this.#decode();
    });
  }

  discard(id: number): void {
    this.#message(() => {
      const place = this.#queue.indexOf(id);
      if (place >= 0) this.#queue.splice(place, 1);
      // A decode that has begun goes on.
      else if (this.#decoding.has(id)) return void this.#unwanted.add(id);
      this.#listener?.discarded(id);
    });
  }

  run(ids: readonly number[]): void {
    const { runMs, runThreads } = this.#times;
    this.#message(() => {
      const tookMs = this.#stopwatch();
      const ended = () => {
        const took = tookMs();
        this.#message(() => this.#listener?.ran(ids.map(row), took));
      };
      const aloneMs = runMs(ids.length);
      if (runThreads === 0) this.#clock.after(aloneMs, ended);
      else this.#machine.run(aloneMs, ended, { threads: runThreads, ...YIELDS });
    });
  }

  #decode(): void {
    while (this.#decoding.size < this.decodeThreads) {
      const id = this.#queue.shift();
      if (id === undefined) return;
      this.#decoding.add(id);
      const tookMs = this.#stopwatch();
      const ended = () => {
        const took = tookMs();
        this.#decoding.delete(id);
        this.#message(() => {
          if (this.#unwanted.delete(id)) this.#listener?.discarded(id);
          else this.#listener?.decoded(id, took);
        });
        this.#decode();
      };
      this.#machine.run(this.#times.decodeMs(), ended, YIELDS);
    }
  }

  /** A message between front and engine takes next to no time, but its thread must get a turn on a core. */
  #message(arrived: () => void): void {
    this.#messages.run({ busyMs: 0, wakeMs: 0 }, arrived);
  }

  #stopwatch(): () => number {
    const beganMs = this.#clock.monotonicMs();
    return () => this.#clock.monotonicMs() - beganMs;
  }
}

/** Engines are nice to the front. */
const YIELDS = { yields: true };

const row = (id: number) => ({ classIds: Int32Array.of(id), scores: Float32Array.of(1) });
