import { median, percentile } from '@headgate/testkit/stats';
import type { LoadJob } from '../client.ts';
import { addUp, rateOf, type Worker } from '../jobs.ts';
import { type LoopVariant, runLoop } from '../l1.ts';
import { countsText, table } from '../markdown.ts';
import type { OwnRun } from '../own-run.ts';
import type { Door } from '../peers/contender.ts';
import { loadDoor, type Run } from '../peers/measure.ts';

/** What every part of the benchmark gets. */
export interface FigureRun extends OwnRun {
  readonly rounds: number;
  /** Measured time of each load in each round, in ms. */
  readonly stageMs: number;
  readonly client: Worker<LoadJob>;
}

export interface Target {
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

/** What one part measured. */
export interface Section {
  readonly figures: readonly Figure[];
  readonly loads: readonly Series[];
}

/** One load with its runs, one for each round. */
export interface Series {
  readonly name: string;
  readonly runs: readonly Run[];
}

interface Load {
  readonly name: string;
  run(): Promise<Run>;
}

/** A closed loop on one door. */
export function doorLoad(
  door: Door,
  concurrency: number,
  { client, stageMs }: FigureRun,
  photosDir?: string,
): Load {
  const job = { concurrency, durationMs: stageMs, ...(photosDir && { photosDir }) };
  return { name: `${door.name}, c=${concurrency}`, run: () => loadDoor(door, client, job) };
}

export function loopLoad(variant: LoopVariant, { stageMs }: FigureRun): Load {
  const run = async () => {
    const measured = await runLoop(variant, stageMs);
    // The loop is the server here, and there is no client.
    const usage = { cpuMs: measured.cpuMs, cpuMsOfPart: {}, peakBytes: 0 };
    return { measured: { ...measured, cpuMs: 0 }, usage };
  };
  return { name: variant.name, run };
}

/** A, B, C …, then A, B, C … again; one round before them does not count: code is compiled, connections open. */
export async function interleave(
  loads: readonly Load[],
  { rounds, signal, progress }: FigureRun,
): Promise<Series[]> {
  const series = loads.map(({ name }) => ({ name, runs: [] as Run[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, load] of loads.entries()) {
      signal.throwIfAborted();
      const run = await load.run();
      if (round === 0) continue;
      series[index]?.runs.push(run);
      progress(`round ${round}/${rounds}  ${load.name}: ${rateOf(run.measured).toFixed(1)} per second`);
    }
  }
  return series;
}

/** Median over the rounds of `read` of one series ÷ `read` of another in the same round. */
export function ratio(one: Series, other: Series, read = perSecond): number {
  return median(one.runs.map((run, round) => read(run) / read(other.runs[round] as Run)));
}

export const perSecond = ({ measured }: Run) => rateOf(measured);
export const cpuPerAnswer = ({ measured, usage }: Run) => usage.cpuMs / measured.answered;
export const p50 = ({ measured }: Run) => percentile(measured.latencies, 50);

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

export function verdictOf({ value, wanted, floor, better }: Figure): string {
  if (Number.isNaN(value)) return 'not measured';
  const meets = (limit: number) => (better === 'higher' ? value >= limit : value <= limit);
  if (meets(wanted)) return 'yes';
  return floor !== undefined && meets(floor) ? 'above the floor' : 'no';
}

const PARTS = ['Envoy', 'gateway', 'front', 'engine', 'control', 'supervisor'];

/** Rates, times, and where the CPU time of each answer goes. */
export function loadsTable(loads: readonly Series[]): string {
  const rows = loads.map(({ name, runs }) => {
    const middle = (read: (run: Run) => number) => median(runs.map(read));
    const latencies = runs.flatMap(({ measured }) => measured.latencies);
    const ofPart = (part: string) =>
      middle(({ measured, usage }) => (usage.cpuMsOfPart[part] ?? 0) / measured.answered);
    return [
      name,
      middle(perSecond).toFixed(1),
      ...[50, 99].map((p) => percentile(latencies, p).toFixed(1)),
      middle(cpuPerAnswer).toFixed(2),
      ...PARTS.map((part) => ofPart(part).toFixed(2)),
      middle(({ measured }) => measured.cpuMs / measured.answered).toFixed(2),
      countsText(addUp(runs.map(({ measured }) => measured.failures))),
    ];
  });
  const heads = ['load', 'per second', 'p50 ms', 'p99 ms', 'CPU-ms per answer'];
  return table([...heads, ...PARTS, 'client', 'failed'], rows);
}
