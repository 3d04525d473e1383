import { median, percentile } from '@headgate/testkit/stats';
import { addUp } from './jobs.ts';
import { cpuPerAnswer, perSecond, type Run, type Series } from './series.ts';

interface Target {
  readonly wanted: number;
  /** Absent: there is no second limit. */
  readonly floor?: number;
  readonly better: 'higher' | 'lower';
  /** Of all three numbers. */
  readonly unit?: string;
  readonly digits?: number;
}

/** One row of the table of figures; NaN where it could not be measured. */
export interface Figure extends Target {
  readonly name: string;
  readonly value: number;
}

/** What one part of a benchmark measured. */
export interface Section {
  readonly figures: readonly Figure[];
  readonly loads: readonly Series[];
  readonly notes?: readonly string[];
}

export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, value, wanted, floor, better } = figure;
    const sign = better === 'higher' ? '≥' : '≤';
    const bound = (limit: number | undefined) =>
      limit === undefined ? '–' : `${sign} ${textOf(limit, figure)}`;
    return [name, textOf(value, figure), bound(wanted), bound(floor), verdictOf(figure)];
  });
  return table(['figure', 'now', 'wanted', 'floor', 'met'], rows);
}

function textOf(value: number, { digits = 2, unit = '' }: Figure): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(digits)}${unit}`;
}

function verdictOf({ value, wanted, floor, better }: Figure): string {
  if (Number.isNaN(value)) return 'not measured';
  const meets = (limit: number) => (better === 'higher' ? value >= limit : value <= limit);
  if (meets(wanted)) return 'yes';
  return floor !== undefined && meets(floor) ? 'above the floor' : 'no';
}

/** Rates, times, memory, and where the CPU time of each answer goes, by process. */
export function loadsTable(loads: readonly Series[]): string {
  const parts = [
    ...new Set(loads.flatMap(({ runs }) => runs.flatMap(({ usage }) => Object.keys(usage.cpuMsOfPart)))),
  ];
  const rows = loads.map(({ name, runs }) => {
    const middle = (read: (run: Run) => number) => median(runs.map(read));
    const latencies = runs.flatMap(({ measured }) => measured.latencies);
    const ofPart = (part: string) =>
      middle(({ measured, usage }) => (usage.cpuMsOfPart[part] ?? 0) / measured.answered);
    const peakMib = Math.max(...runs.map(({ usage }) => usage.peakBytes)) / 2 ** 20;
    return [
      name,
      middle(perSecond).toFixed(1),
      ...[50, 95, 99].map((p) => percentile(latencies, p).toFixed(1)),
      cell(middle(cpuPerAnswer)),
      ...parts.map((part) => cell(ofPart(part))),
      cell(middle(({ measured }) => measured.cpuMs / measured.answered)),
      peakMib > 0 ? peakMib.toFixed(0) : '–',
      countsText(addUp(runs.map(({ measured }) => measured.failures))),
    ];
  });
  const heads = ['load', 'per second', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU-ms per answer'];
  return table([...heads, ...parts, 'client', 'peak MiB (PSS)', 'failed'], rows);
}

const cell = (ms: number) => (ms > 0 ? ms.toFixed(2) : '–');

/** A table of Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** `3 × 503 overloaded, 1 × 504`, or `0`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([what, count]) => `${count} × ${what}`);
  return parts.join(', ') || '0';
}
