import type { TimerClock } from '@headgate/runtime/clock';
import type { EngineListener } from '../engine/parent/process.ts';
import type { EnginePort } from '../lane.ts';

export interface SimulatedTimes {
  /** Ms of a run of so many items, at a time. */
  readonly runMs: (batchSize: number, nowMs: number) => number;
  /** Ms of one decode; one at a time. */
  readonly decodeMs: number;
}

/** An engine that takes time, but only that of a clock which a test moves. */
export class SimulatedEngine implements EnginePort {
  readonly maxBatchSize = Number.POSITIVE_INFINITY;
  readonly decodeThreads = 1;
  readonly #clock: TimerClock;
  readonly #times: SimulatedTimes;
  readonly #decoding: number[] = [];
  #listener: EngineListener | undefined;
  /** Item id → when it was decoded. */
  readonly decodedAtMs = new Map<number, number>();

  constructor(clock: TimerClock, times: SimulatedTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  prepare(id: number): void {
    this.#decoding.push(id);
    if (this.#decoding.length === 1) this.#decodeNext();
  }

  discard(id: number): void {
    const place = this.#decoding.indexOf(id);
    // The first one is being decoded: that goes on, and nobody hears of it.
    if (place > 0) this.#decoding.splice(place, 1);
    if (place !== 0) this.#listener?.discarded(id);
  }

  run(ids: readonly number[]): void {
    const runMs = this.#times.runMs(ids.length, this.#clock.monotonicMs());
    this.#clock.after(runMs, () => this.#listener?.ran(ids.map(row), runMs));
  }

  #decodeNext(): void {
    const [id] = this.#decoding;
    if (id === undefined) return;
    this.#clock.after(this.#times.decodeMs, () => {
      this.decodedAtMs.set(id, this.#clock.monotonicMs());
      this.#decoding.shift();
      this.#listener?.decoded(id, this.#times.decodeMs);
      this.#decodeNext();
    });
  }
}

function row(id: number) {
  return { classIds: Int32Array.of(id), scores: Float32Array.of(1) };
}
