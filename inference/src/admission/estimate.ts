export interface EstimateOptions {
  readonly maxBatchSize: number;
  /** By which share of itself an estimate may be wrong, 0 to 1 (exclusive), before anything is refused for it. */
  readonly margin: number;
  /** Kept for the way of an answer back to its caller, in ms. */
  readonly answerReserveMs: number;
}

/** Runs of one batch size, and decodes, that are remembered. */
const RUNS = 5;
const DECODES = 16;

/**
 * How long this model version takes, learned from its own runs: warm-up first, then every batch. The median of the
 * last runs of a size counts, so that one slow run (a page fault, a noisy neighbour) refuses no caller; sizes that never
 * ran are interpolated. Before the first run all estimates are 0.
 */
export class Estimate {
  readonly #margin: number;
  readonly #answerReserveMs: number;
  /** Batch size → its last runs, in ms. */
  readonly #runs = new Map<number, number[]>();
  /** Ms of a unit of work, of the last decodes. */
  readonly #decodes: number[] = [];
  /** The least of those. */
  #quickestMs = 0;
  /** Median of those, by batch size; NaN for a size that never ran. */
  readonly #medians: Float64Array;
  /** Ms of a run, by batch size; filled after each run, since it is read far more often. */
  readonly #table: Float64Array;

  constructor({ maxBatchSize, margin, answerReserveMs }: EstimateOptions) {
    this.#margin = margin;
    this.#answerReserveMs = answerReserveMs;
    this.#medians = new Float64Array(maxBatchSize + 1).fill(Number.NaN);
    this.#table = new Float64Array(maxBatchSize + 1);
  }

  /** What a fresh engine measured while it warmed up: only for sizes about which nothing better is known. */
  warmedUp(runMs: ReadonlyMap<number, number>): void {
    for (const [size, ms] of runMs) if (!this.#runs.has(size)) this.#remember(size, ms);
    this.#fill();
  }

  ran(batchSize: number, runMs: number): void {
    this.#remember(batchSize, runMs);
    this.#fill();
  }

  /** @param work what the header let expect */
  decoded(ms: number, work: number): void {
    this.#decodes.push(ms / work);
    if (this.#decodes.length > DECODES) this.#decodes.shift();
    this.#quickestMs = Math.min(...this.#decodes);
  }

  /** Ms that a run of so many items probably takes. @param batchSize 1 to the largest batch */
  runMs(batchSize: number): number {
    return this.#table[batchSize] ?? 0;
  }

  /** Ms that a run surely takes, whatever the luck. */
  runAtLeastMs(batchSize: number): number {
    return this.runMs(batchSize) * (1 - this.#margin);
  }

  /** Ms after which a batch that starts now has been run and its callers have their answers, if nothing is wrong. */
  answerAtMostMs(batchSize: number): number {
    return this.runMs(batchSize) * (1 + this.#margin) + this.#answerReserveMs;
  }

  /** Ms that so much work surely takes: as quick as the quickest decode lately, so that no caller can raise it. */
  decodeAtLeastMs(work: number): number {
    return work * this.#quickestMs * (1 - this.#margin);
  }

  /**
   * What an item takes of the engines, for turns between callers: its decode and its part of a run. A unit of work
   * counts a ms: by the decodes measured, a caller whose files look costly and are not would make all decodes free.
   */
  itemCost(work: number): number {
    const most = this.#table.length - 1;
    return work + this.runMs(most) / most;
  }

  #remember(size: number, ms: number): void {
    const runs = this.#runs.get(size) ?? [];
    this.#runs.set(size, runs);
    runs.push(ms);
    if (runs.length > RUNS) runs.shift();
    this.#medians[size] = median(runs);
  }

  /** Between two sizes that ran: on the line through both. Beyond them: in proportion to the nearest. */
  #fill(): void {
    const medians = this.#medians;
    let low = 0;
    for (let high = 1; high < medians.length; high += 1) {
      const highMs = medians[high] as number;
      if (Number.isNaN(highMs)) continue;
      const lowMs = low === 0 ? 0 : (medians[low] as number);
      for (let size = low + 1; size <= high; size += 1) {
        this.#table[size] = lowMs + ((highMs - lowMs) * (size - low)) / (high - low);
      }
      low = high;
    }
    if (low === 0) return;
    for (let size = low + 1; size < medians.length; size += 1) {
      this.#table[size] = ((medians[low] as number) * size) / low;
    }
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] as number;
}
