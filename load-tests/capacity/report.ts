import type { Simulated } from '@headgate/simulator/simulate';
import { median, percentile } from '@headgate/testkit/stats';
import { perSecond, type Series } from '../bench/series.ts';

/** How far a prediction may be from its measurement (docs/capacity.md), in percent. */
const WITHIN = 15;

export interface Figures {
  readonly p50: number;
  readonly p95: number;
  readonly perSecond: number;
}

/** One load, measured and simulated. */
export interface Comparison {
  readonly load: string;
  /** Whether the calibration comes from it, so that it proves nothing. */
  readonly calibrates: boolean;
  readonly measured: Figures;
  readonly simulated: Figures;
  /** p95 of each round: what a prediction cannot be closer than. */
  readonly p95OfRound: readonly number[];
}

export function figuresOf({ latenciesMs, perSecond }: Pick<Simulated, 'latenciesMs' | 'perSecond'>): Figures {
  return { p50: percentile(latenciesMs, 50), p95: percentile(latenciesMs, 95), perSecond };
}

/** Medians over the rounds. */
export function medianOf(rounds: readonly Figures[]): Figures {
  const of = (read: (figures: Figures) => number) => median(rounds.map(read));
  return { p50: of(({ p50 }) => p50), p95: of(({ p95 }) => p95), perSecond: of((one) => one.perSecond) };
}

export function roundsOf({ runs }: Series): Figures[] {
  return runs.map((run) => figuresOf({ latenciesMs: run.measured.latencies, perSecond: perSecond(run) }));
}

/** A table with a row for each load, and a sentence on those that did not calibrate. */
export function report(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((one) => {
    const rounds = one.p95OfRound.map((ms) => ms.toFixed(0)).join(' ');
    const name = one.calibrates ? `calibration: ${one.load}` : one.load;
    return `| ${[name, ...FIGURES.map((figure) => cell(one, figure)), rounds].join(' | ')} |`;
  });
  const differences = comparisons
    .filter(({ calibrates }) => !calibrates)
    .flatMap((one) => FIGURES.map((figure) => Math.abs(differenceOf(one, figure))));
  const within = differences.filter((difference) => difference <= WITHIN).length;
  return [
    '| load | p50 ms, measured / simulated | p95 ms | per second | p95 of each round |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `${within} of ${differences.length} predictions are within ${WITHIN} %.`,
  ].join('\n');
}

const FIGURES = ['p50', 'p95', 'perSecond'] as const;

function cell(one: Comparison, figure: keyof Figures): string {
  const difference = differenceOf(one, figure);
  const verdict = one.calibrates || Math.abs(difference) <= WITHIN ? '' : ' **over**';
  const values = `${one.measured[figure].toFixed(1)} / ${one.simulated[figure].toFixed(1)}`;
  return `${values} (${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(1)} %)${verdict}`;
}

const differenceOf = ({ measured, simulated }: Comparison, figure: keyof Figures) =>
  (100 * simulated[figure]) / measured[figure] - 100;
