import { isReason, REASONS } from '@headgate/contracts/errors';
import { METRIC } from '@headgate/contracts/names';
import type { Sample } from '@headgate/runtime/exposition';
import type { Figures, Scrape } from '../cluster/scrape.ts';
import { type Bounds, boundsOf, quantileMs, Tally } from './tally.ts';

/** What a variant serves. The same variant with another version counts for itself. */
export interface Served {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
}

export interface WindowFigures {
  readonly requests: number;
  /** Outcomes that HTTP answers with 500 or more. */
  readonly errors: number;
  /** null without samples. Interpolated within the buckets of the gateway's histogram, each twice as wide as the one before. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  /** Bounds of the bucket that has the quantile: what is known for certain; null without samples. */
  readonly bounds: Readonly<Record<'p95_ms' | 'p99_ms', Bounds | null>>;
}

/** Whether one process answers, or has a version ready. */
export interface GatewayView {
  readonly address: string;
  readonly ready: boolean;
}

/** What all gateways counted, second by second, without a database or Prometheus (decision 0099). */
export interface LiveFigures {
  /** Whether every gateway answered within the last 5 s. */
  isFresh(): boolean;
  /**
   * Of the last `windowMs`, at most 15 minutes. While only some gateways answer, it is theirs: enough for a failure,
   * not for a pass.
   *
   * @returns undefined when no gateway answered within the last 5 s
   */
  window(of: Served, windowMs: number): WindowFigures | undefined;
  /** A copy of all that was counted since control started: it only grows. */
  counts(of: Served): Tally;
  /** As `window`, of what was counted after `before`, an answer of `counts`. */
  since(of: Served, before: Tally): WindowFigures | undefined;
  /** What each gateway thinks of a version; not ready where it does not answer. */
  readyOn(model: string, version: string): readonly GatewayView[];
  gateways(): readonly GatewayView[];
}

const BUCKET = `${METRIC.predictionDuration}_bucket`;
export const FIGURE_NAMES: ReadonlySet<string> = new Set([METRIC.predictions, BUCKET, METRIC.versionReady]);

const KEPT_MS = 15 * 60_000;

type Totals = ReadonlyMap<string, number>;

export interface GatewayFiguresOptions {
  readonly scrape: Scrape & { round(): Promise<void>; addresses(): readonly string[] };
  /** Monotonic time in ms. */
  readonly nowMs: () => number;
}

/** Reads each gateway once a round, and keeps the differences. */
export class GatewayFigures implements LiveFigures {
  readonly #scrape: GatewayFiguresOptions['scrape'];
  readonly #nowMs: () => number;
  /** Counters of each gateway as they were read last. */
  readonly #last = new Map<string, Totals>();
  /** What was counted between two rounds, by what served it. Oldest first. */
  #rounds: { readonly atMs: number; readonly tallies: ReadonlyMap<string, Tally> }[] = [];
  /** Sums of all rounds. */
  readonly #counts = new Map<string, Tally>();

  constructor({ scrape, nowMs }: GatewayFiguresOptions) {
    this.#scrape = scrape;
    this.#nowMs = nowMs;
  }

  async round(): Promise<void> {
    await this.#scrape.round();
    const atMs = this.#nowMs();
    const tallies = this.#differences(this.#scrape.figures());
    this.#rounds = this.#rounds.filter((round) => atMs - round.atMs < KEPT_MS);
    this.#rounds.push({ atMs, tallies });
    for (const [key, tally] of tallies) {
      const counts = this.#counts.get(key) ?? new Tally();
      counts.add(tally);
      this.#counts.set(key, counts);
    }
  }

  isFresh(): boolean {
    return this.#scrape.isComplete();
  }

  window(of: Served, windowMs: number): WindowFigures | undefined {
    if (this.#scrape.figures().size === 0) return undefined;
    const fromMs = this.#nowMs() - windowMs;
    const sum = new Tally();
    for (const { atMs, tallies } of this.#rounds) {
      const tally = atMs > fromMs ? tallies.get(keyOf(of)) : undefined;
      if (tally) sum.add(tally);
    }
    return figuresOf(sum);
  }

  counts(of: Served): Tally {
    return (this.#counts.get(keyOf(of)) ?? new Tally()).since(new Tally());
  }

  since(of: Served, before: Tally): WindowFigures | undefined {
    return this.#scrape.figures().size === 0 ? undefined : figuresOf(this.counts(of).since(before));
  }

  readyOn(model: string, version: string): readonly GatewayView[] {
    const figures = this.#scrape.figures();
    const isReady = ({ name, labels, value }: Sample) =>
      name === METRIC.versionReady && labels.model === model && labels.version === version && value === 1;
    return this.#scrape
      .addresses()
      .map((address) => ({ address, ready: figures.get(address)?.some(isReady) ?? false }));
  }

  gateways(): readonly GatewayView[] {
    const figures = this.#scrape.figures();
    return this.#scrape.addresses().map((address) => ({ address, ready: figures.has(address) }));
  }

  #differences(figures: Figures): ReadonlyMap<string, Tally> {
    const tallies = new Map<string, Tally>();
    for (const [address, samples] of figures) {
      const before = this.#last.get(address);
      const now = new Map<string, number>();
      for (const sample of samples) {
        const { name, labels, value } = sample;
        if (name !== METRIC.predictions && name !== BUCKET) continue;
        const series = JSON.stringify([name, labels]);
        now.set(series, value);
        // What a gateway counted before it was first seen is not of this second.
        if (before) note(tallies, sample, growth(before.get(series), value));
      }
      this.#last.set(address, now);
    }
    this.#forget();
    return new Map([...tallies].filter(([, tally]) => !tally.isEmpty));
  }

  /** One that comes back at the same address keeps what it counted meanwhile, unless its name had gone. */
  #forget(): void {
    const exists = new Set(this.#scrape.addresses());
    for (const address of this.#last.keys()) if (!exists.has(address)) this.#last.delete(address);
  }
}

function figuresOf({ requests, errors, buckets }: Tally): WindowFigures {
  const quantile = (share: number) => quantileMs(buckets, share);
  return {
    requests,
    errors,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
    bounds: { p95_ms: boundsOf(buckets, 0.95), p99_ms: boundsOf(buckets, 0.99) },
  };
}

/** A counter that shrank began at 0 again, and so did one that was not there. */
const growth = (before: number | undefined, now: number) =>
  before !== undefined && now >= before ? now - before : now;

const keyOf = ({ model, version, variant }: Served) => JSON.stringify([model, version, variant]);

function note(tallies: Map<string, Tally>, { name, labels }: Sample, count: number): void {
  const { model = '', version = '', variant = '', outcome, le } = labels;
  const key = keyOf({ model, version, variant });
  const tally = tallies.get(key) ?? new Tally();
  tallies.set(key, tally);
  if (name === BUCKET) tally.observe(Number(le === '+Inf' ? Infinity : le) * 1000, count);
  else tally.count(count, isReason(outcome) && REASONS[outcome].http >= 500);
}
