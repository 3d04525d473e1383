import type { EngineListener } from '@headgate/inference/engine-listener';
import type { EnginePort } from '@headgate/inference/lane';
import type { TimerClock } from '@headgate/runtime/clock';
import { Machine } from './machine.ts';

export interface EngineTimes {
  /** Of the next photo. */
  readonly decodeMs: () => number;
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
  readonly #decodes: Machine;
  readonly #runs: Machine;
  readonly #clock: TimerClock;
  readonly #queue: number[] = [];
  readonly #decoding = new Set<number>();
  readonly #unwanted = new Set<number>();
  #listener: EngineListener | undefined;

  constructor(times: EngineTimes, machine: Machine, clock: TimerClock) {
    this.decodeThreads = times.decodeThreads;
    this.#times = times;
    this.#decodes = machine;
    this.#runs = times.runThreads === 0 ? new Machine(Number.POSITIVE_INFINITY, clock) : machine;
    this.#clock = clock;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  prepare(id: number): void {
    this.#queue.push(id);
    this.#decode();
  }

  discard(id: number): void {
    const place = this.#queue.indexOf(id);
    if (place >= 0) this.#queue.splice(place, 1);
    // A decode that has begun goes on.
    else if (this.#decoding.has(id)) return void this.#unwanted.add(id);
    this.#listener?.discarded(id);
  }

  run(ids: readonly number[]): void {
    const beganMs = this.#clock.monotonicMs();
    const threads = Math.max(1, this.#times.runThreads);
    const ended = () => this.#listener?.ran(ids.map(row), this.#clock.monotonicMs() - beganMs);
    this.#runs.run(this.#times.runMs(ids.length), ended, threads);
  }

  #decode(): void {
    while (this.#decoding.size < this.decodeThreads) {
      const id = this.#queue.shift();
      if (id === undefined) return;
      this.#decoding.add(id);
      const beganMs = this.#clock.monotonicMs();
      this.#decodes.run(this.#times.decodeMs(), () => {
        this.#decoding.delete(id);
        if (this.#unwanted.delete(id)) this.#listener?.discarded(id);
        else this.#listener?.decoded(id, this.#clock.monotonicMs() - beganMs);
        this.#decode();
      });
    }
  }
}

const row = (id: number) => ({ classIds: Int32Array.of(id), scores: Float32Array.of(1) });
