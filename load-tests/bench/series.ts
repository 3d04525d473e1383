import { median, percentile } from '@headgate/testkit/stats';
import type { OwnRun } from './benchmark.ts';
import type { LoadJob } from './client.ts';
import { type Measured, rateOf, type Worker } from './jobs.ts';
import { type BareLoop, runLoop } from './l1.ts';
import type { Door } from './peers/contender.ts';
import { type Usage, watchUsage } from './peers/usage.ts';
import { PHOTOS_DIR } from './photos.ts';

/** What every part of a benchmark gets. */
export interface BenchRun extends OwnRun {
  readonly rounds: number;
  /** Measured time of each load in each round, in ms. */
  readonly stageMs: number;
  readonly client: Worker<LoadJob>;
}

/** One load in one round. */
export interface Run {
  readonly measured: Measured;
  readonly usage: Usage;
}

/** One load with its runs, one for each round. */
export interface Series {
  readonly name: string;
  readonly runs: readonly Run[];
}

export interface Load {
  readonly name: string;
  run(): Promise<Run>;
}

export const CONCURRENCIES = [1, 8, 32] as const;
/** The concurrency that targets are about. */
export const FULL = 32;
const WARM_MS = 1000;

/** A closed loop on one door, whose processes are watched meanwhile. */
export function doorLoad(
  door: Door,
  concurrency: number,
  { client, stageMs }: Pick<BenchRun, 'client' | 'stageMs'>,
  photosDir = PHOTOS_DIR,
): Load {
  const job = { target: door.target, photosDir, concurrency, warmMs: WARM_MS, durationMs: stageMs };
  const run = async () => {
    const end = watchUsage(door.processes);
    try {
      return { measured: await client.run(job), usage: end() };
    } finally {
      end();
    }
  };
  return { name: `${door.name}, c=${concurrency}`, run };
}

export function loopLoad(loop: BareLoop, { stageMs }: Pick<BenchRun, 'stageMs'>): Load {
  const run = async () => {
    const measured = await runLoop(loop, stageMs);
    // The loop is the server here, and there is no client.
    const usage = { cpuMs: measured.cpuMs, cpuMsOfPart: { server: measured.cpuMs }, peakBytes: 0 };
    return { measured: { ...measured, cpuMs: 0 }, usage };
  };
  return { name: loop.name, run };
}

/** A, B, C …, then A, B, C … again; one round before them does not count: code is compiled, connections open. */
export async function interleave(
  loads: readonly Load[],
  { rounds, signal, progress }: BenchRun,
): Promise<Series[]> {
  const series = loads.map(({ name }) => ({ name, runs: [] as Run[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, load] of loads.entries()) {
      signal.throwIfAborted();
      const run = await load.run();
      if (round === 0) continue;
      series[index]?.runs.push(run);
      progress(`round ${round}/${rounds}  ${load.name}: ${perSecond(run).toFixed(1)} per second`);
    }
  }
  return series;
}

/** Median over the rounds of `read` of one series ÷ `read` of another in the same round; NaN without one of them. */
export function ratio(one: Series | undefined, other: Series | undefined, read = perSecond): number {
  const ratios = one?.runs.map((run, round) => {
    const base = other?.runs[round];
    return base ? read(run) / read(base) : Number.NaN;
  });
  return median((ratios ?? []).filter((value) => !Number.isNaN(value)));
}

export const perSecond = ({ measured }: Run) => rateOf(measured);
export const cpuPerAnswer = ({ measured, usage }: Run) => usage.cpuMs / measured.answered;
export const p50 = ({ measured }: Run) => percentile(measured.latencies, 50);
