import { percentile } from '@headgate/testkit/stats';
import { countsText, type Figure, figuresTable, table } from '../tables.ts';
import {
  accepted,
  type Curve,
  DEADLINE_MS,
  goodPerS,
  goodput,
  type Level,
  offeredPerS,
  refusalsP99,
} from './curve.ts';

/** What is wanted of the whole path at three times its capacity. */
export const GOODPUT = { wanted: 0.8, floor: 0.7, better: 'higher' } as const;
export const REFUSALS = { wanted: 100, floor: 200, better: 'lower', unit: ' ms', digits: 0 } as const;

/** Paragraphs of Markdown. */
export function overloadReport(curves: readonly Curve[]): string[] {
  const heads = ['server', '× capacity', 'offered/s', 'good/s', '/ capacity', 'accepted p50 ms', 'p99 ms'];
  const more = ['refused/s', 'refusal p50 ms', 'p99 ms', 'expired/s', 'failed/s', 'server CPU', 'client CPU'];
  const rows = curves.flatMap((curve) => curve.levels.map((level) => levelCells(curve, level)));
  return [
    figuresTable(curves.flatMap(figuresOf)),
    table([...heads, ...more, 'what came instead'], rows),
    `Open model: Poisson arrivals, each due ${DEADLINE_MS} ms later. Good: right answers in time. Accepted: answered or expired.`,
  ];
}

function figuresOf(curve: Curve): Figure[] {
  const { door, levels } = curve;
  const slowest = Math.max(...levels.map((level) => percentile(accepted(level), 99)));
  return [
    { name: `${door}: goodput at ${levels.at(-1)?.level} × capacity`, value: goodput(curve), ...GOODPUT },
    {
      name: `${door}: accepted p99 at every level`,
      value: slowest,
      ...{ wanted: DEADLINE_MS, better: 'lower', unit: ' ms', digits: 0 },
    },
    { name: `${door}: refusals p99`, value: refusalsP99(curve), ...REFUSALS },
  ];
}

function levelCells({ door, capacityPerS }: Curve, level: Level): string[] {
  const { measured, serverCpuMs } = level;
  const { latencies, windowMs, elapsedMs, cpuMs } = measured;
  const perS = (times: readonly number[]) => ((times.length * 1000) / windowMs).toFixed(1);
  const at = (times: readonly number[], p: number) =>
    times.length === 0 ? '–' : percentile(times, p).toFixed(1);
  const times = accepted(level);
  return [
    door,
    String(level.level),
    offeredPerS(level).toFixed(1),
    goodPerS(level).toFixed(1),
    (goodPerS(level) / capacityPerS).toFixed(2),
    ...[50, 99].map((p) => at(times, p)),
    perS(latencies.refused),
    ...[50, 99].map((p) => at(latencies.refused, p)),
    perS(latencies.expired),
    perS(latencies.failed),
    ...[serverCpuMs, cpuMs].map((ms) => `${((ms * 100) / elapsedMs).toFixed(0)} %`),
    countsText(measured.outcomes),
  ];
}

/** The curve whose goodput at the highest load is the median of several rounds. */
export function medianCurve(curves: readonly Curve[]): Curve | undefined {
  const sorted = curves.toSorted((a, b) => goodput(a) - goodput(b));
  return sorted[Math.ceil(sorted.length / 2) - 1];
}
