import { percentile } from '@headgate/testkit/stats';
import { startWorker } from '../jobs.ts';
import type { Door } from '../peers/contender.ts';
import { watchUsage } from '../peers/usage.ts';
import { PHOTOS_DIR } from '../photos.ts';
import { type BenchRun, doorLoad, FULL, perSecond } from '../series.ts';
import type { OpenJob, OpenMeasured } from './open-client.ts';

/** Offered load in units of the capacity. */
const LEVELS = [0.5, 1, 1.5, 2, 3] as const;
export const DEADLINE_MS = 1000;
const WARM_MS = 1000;

export interface Level {
  /** Offered load in units of the capacity. */
  readonly level: number;
  readonly measured: OpenMeasured;
  /** CPU time of the server from the first arrival to the last answer, in ms. */
  readonly serverCpuMs: number;
}

/** How one door behaves from half of its capacity to three times as much. */
export interface Curve {
  readonly door: string;
  /** Images per second of a closed loop with 32 callers: capacity. */
  readonly capacityPerS: number;
  readonly levels: readonly Level[];
}

/** Capacity first, then every level of load on one door of a running server. The arrivals of a round are the same everywhere. */
export async function measureCurve(
  door: Door,
  { round, levels: factors = LEVELS }: { readonly round: number; readonly levels?: readonly number[] },
  run: BenchRun,
): Promise<Curve> {
  const { stageMs, progress, signal } = run;
  const capacityPerS = perSecond(await doorLoad(door, FULL, run).run());
  progress(`${door.name}: capacity ${capacityPerS.toFixed(1)} images/s`);
  const open = startWorker<OpenJob, OpenMeasured>('./overload/open-client.ts');
  const job = { target: door.target, photosDir: PHOTOS_DIR, deadlineMs: DEADLINE_MS, warmMs: WARM_MS };
  const levels: Level[] = [];
  try {
    for (const level of factors) {
      signal.throwIfAborted();
      const end = watchUsage(door.processes);
      const ratePerS = level * capacityPerS;
      const measured = await open.run({ ...job, ratePerS, seed: round, durationMs: stageMs });
      const found = { level, measured, serverCpuMs: end().cpuMs };
      levels.push(found);
      progress(
        `${door.name}, ${level} × capacity: ${offeredPerS(found).toFixed(0)}/s offered, ${goodPerS(found).toFixed(0)}/s good`,
      );
    }
  } finally {
    open.stop();
  }
  return { door: door.name, capacityPerS, levels };
}

/** Answers within the deadline, per second. */
export function goodPerS({ measured: { latencies, windowMs } }: Level): number {
  return (latencies.ok.filter((ms) => ms <= DEADLINE_MS).length * 1000) / windowMs;
}

export function offeredPerS({ measured: { offered, windowMs } }: Level): number {
  return (offered * 1000) / windowMs;
}

/** Times of every accepted request: answered, in time or not, or left to expire. */
export function accepted({ measured }: Level): number[] {
  const { ok, expired } = measured.latencies;
  return [...ok, ...expired];
}

/** Goodput at the highest load ÷ capacity. */
export function goodput({ levels, capacityPerS }: Curve): number {
  const highest = levels.at(-1);
  return highest ? goodPerS(highest) / capacityPerS : Number.NaN;
}

/** Time until the slowest of a hundred refusals was answered, at every level, in ms. */
export function refusalsP99({ levels }: Curve): number {
  return percentile(
    levels.flatMap(({ measured }) => measured.latencies.refused),
    99,
  );
}
