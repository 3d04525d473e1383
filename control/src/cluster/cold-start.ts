import { METRIC } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import { type Figures, sumOf } from './scrape.ts';

/** What a cold start consists of (docs/serverless.md). */
export type Stage = 'scale' | 'start' | 'load' | 'answer';

/** Receives reports of cold starts. */
export interface ColdStartReport {
  /** A request was answered after a start from no pod; seconds by stage. */
  coldStarted(model: string, stages: Readonly<Record<Stage, number>>): void;
}

interface ColdStartOptions {
  readonly model: string;
  readonly report: ColdStartReport;
  readonly clock: Pick<Clock, 'epochMs'>;
}

/** In ms since the Unix epoch. */
interface Loaded {
  readonly startMs: number;
  readonly readyMs: number;
}

/** A pod is in the name of its Service when its probe succeeds, every two seconds, and DNS may keep an older answer. */
const LATE_MS = 10_000;

/**
 * Times of a start from no pod to the first answer. Control sees the first and the last of them once a second; the pods
 * say the others by the clocks of their machines.
 */
export class ColdStart {
  readonly #options: ColdStartOptions;
  #parkedMs: number | undefined;
  #scaledMs: number | undefined;
  #loaded: Loaded | undefined;
  #answeredMs: number | undefined;

  constructor(options: ColdStartOptions) {
    this.#options = options;
  }

  /** The API server has taken the request for a pod. */
  begin(): void {
    this.#scaledMs = this.#options.clock.epochMs();
    this.#loaded = undefined;
  }

  /** @param parked requests that wait for the model */
  follow(parked: number, figures: Figures): void {
    const nowMs = this.#options.clock.epochMs();
    if (parked > 0) this.#parkedMs ??= nowMs;
    this.#answeredMs = parked > 0 ? undefined : (this.#answeredMs ?? nowMs);
    if (this.#scaledMs === undefined) {
      if (parked === 0) this.#parkedMs = undefined;
      return;
    }
    this.#loaded ??= this.#firstPod(figures, this.#scaledMs);
    if (this.#answeredMs === undefined) return;
    if (this.#loaded) this.#report(this.#loaded, this.#answeredMs);
    // Gateways see a pod a little earlier than control. After that nobody was answered: all gave up.
    else if (nowMs - this.#answeredMs < LATE_MS) return;
    this.#parkedMs = undefined;
    this.#scaledMs = undefined;
  }

  #report({ startMs, readyMs }: Loaded, answeredMs: number): void {
    const { report, model } = this.#options;
    const ends = [this.#parkedMs ?? answeredMs, this.#scaledMs ?? answeredMs, startMs, readyMs, answeredMs];
    const [scale = 0, start = 0, load = 0, answer = 0] = ends
      .slice(1)
      .map((end, i) => Math.max(0, end - (ends[i] as number)) / 1000);
    report.coldStarted(model, { scale, start, load, answer });
  }

  /** The first process that was started since then and is ready. */
  #firstPod(figures: Figures, sinceMs: number): Loaded | undefined {
    const { model } = this.#options;
    for (const [address, samples] of figures) {
      const own = new Map([[address, samples]]);
      const startMs = sumOf(own, 'process_start_time_seconds') * 1000;
      const times = samples.filter(
        ({ name, labels }) => name === METRIC.modelReadySince && labels.model === model,
      );
      const readyMs = Math.min(...times.map(({ value }) => value * 1000).filter((at) => at > 0));
      // Clocks of machines differ a little, and this one counts whole seconds.
      if (Number.isFinite(readyMs) && startMs > sinceMs - 2000) return { startMs, readyMs };
    }
    return undefined;
  }
}
