import type { Estimate } from './estimate.ts';

/** What stands between an item and its run. */
export interface Backlog {
  readonly engines: number;
  /** Items that engines take before one that comes now. */
  readonly ahead: number;
  /** Work of decoding those of them that are queued. */
  readonly aheadWork: number;
  /** Decodes at the same time, of all engines together. */
  readonly decodeThreads: number;
  /** Ms until the first engine has ended what it runs at the earliest; 0 when one is idle. */
  readonly untilIdleMs: number;
}

/** When items would be answered. Each figure is the least that it can take, so that a doubtful item gets its chance. */
export class Forecast {
  readonly #estimate: Estimate;
  readonly #maxBatchSize: number;

  constructor(estimate: Estimate, maxBatchSize: number) {
    this.#estimate = estimate;
    this.#maxBatchSize = maxBatchSize;
  }

  /** Ms that items of so much work together take at least, on idle engines. */
  aloneMs(work: number, decodeThreads: number): number {
    return this.#estimate.decodeAtLeastMs(work / decodeThreads) + this.#estimate.runAtLeastMs(1);
  }

  /** Ms after which the last of `count` items that come now has been run. @param work of all of them together */
  finishMs({ engines, ahead, untilIdleMs, ...decodes }: Backlog, count: number, work: number): number {
    const perRound = engines * this.#maxBatchSize;
    const last = ahead + count - 1;
    const rounds = Math.floor(last / perRound);
    const ownBatch = Math.floor((last % perRound) / engines) + 1;
    const roundMs = this.#estimate.runAtLeastMs(this.#maxBatchSize);
    const finishMs = untilIdleMs + rounds * roundMs + this.#estimate.runAtLeastMs(ownBatch);
    return Math.max(this.aloneMs(decodes.aheadWork + work, decodes.decodeThreads), finishMs);
  }

  /** Ms for which so many items probably keep the engines busy. */
  clearMs(items: number, engines: number): number {
    const batches = items / (this.#maxBatchSize * Math.max(1, engines));
    return batches * this.#estimate.runMs(this.#maxBatchSize);
  }
}
