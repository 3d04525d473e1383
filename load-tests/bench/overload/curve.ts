import type { LoadJob } from '../client.ts';
import { rateOf, startWorker } from '../jobs.ts';
import type { Door } from '../peers/contender.ts';
import { FULL, loadDoor } from '../peers/measure.ts';
import type { Trial } from '../peers/trial.ts';
import { watchUsage } from '../peers/usage.ts';
import { PHOTOS_DIR } from '../photos.ts';
import type { OpenJob, OpenMeasured } from './open-client.ts';

/** Offered load in units of the capacity. */
export const LEVELS = [0.5, 1, 1.5, 2, 3] as const;
export const DEADLINE_MS = 1000;

/** So short that no photo can be in time: every request is refused, and its cost is the cost of a refusal. */
const HOPELESS_MS = 4;
const HOPELESS_CALLERS = 8;
const WARM_MS = 1000;

/** What one refused request costs both sides, in CPU-ms. */
export interface RefusalCost {
  readonly serverMs: number;
  readonly clientMs: number;
  /** Requests that were not refused although they should have been. */
  readonly answered: number;
}

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
  readonly serverCpuMsPerImage: number;
  /** Undefined for servers that know no deadline. */
  readonly refusal: RefusalCost | undefined;
  readonly levels: readonly Level[];
}

export interface CurveOptions {
  readonly durationMs: number;
  /** Of the arrivals: the same for every door. */
  readonly seed: number;
  /** In units of the capacity; all by default. */
  readonly levels?: readonly number[];
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Capacity first, then every level of load on one door of a running server. */
export async function measureCurve(
  trial: Trial,
  door: Door,
  knowsDeadlines: boolean,
  options: CurveOptions,
): Promise<Curve> {
  const { durationMs, progress, signal, levels: factors = LEVELS } = options;
  const wrapper = trial.server.clientWrapper;
  const closed = startWorker<LoadJob>('./client.ts', { wrapper });
  const open = startWorker<OpenJob, OpenMeasured>('./overload/open-client.ts', { wrapper });
  try {
    const { measured, usage } = await loadDoor(door, closed, { concurrency: FULL, durationMs });
    const capacityPerS = rateOf(measured);
    progress(`${door.name}: capacity ${capacityPerS.toFixed(1)} images/s`);
    const refusal = knowsDeadlines ? await measureRefusal(door, closed) : undefined;
    const levels: Level[] = [];
    for (const level of factors) {
      signal.throwIfAborted();
      const end = watchUsage(door.processes);
      const job = jobOf(door, level * capacityPerS, options);
      const answer = await open.run(job);
      levels.push({ level, measured: answer, serverCpuMs: end().cpuMs });
      const good = goodPerS(answer);
      progress(
        `${door.name}, ${level} × capacity: ${offeredPerS(answer).toFixed(0)}/s offered, ${good.toFixed(0)}/s good`,
      );
    }
    const serverCpuMsPerImage = usage.cpuMs / measured.answered;
    return { door: door.name, capacityPerS, serverCpuMsPerImage, refusal, levels };
  } finally {
    closed.stop();
    open.stop();
  }
}

function jobOf({ target }: Door, ratePerS: number, { durationMs, seed }: CurveOptions): OpenJob {
  return {
    target,
    photosDir: PHOTOS_DIR,
    ratePerS,
    seed,
    deadlineMs: DEADLINE_MS,
    warmMs: WARM_MS,
    durationMs,
  };
}

async function measureRefusal(
  door: Door,
  client: ReturnType<typeof startWorker<LoadJob>>,
): Promise<RefusalCost> {
  const end = watchUsage(door.processes);
  const measured = await client.run({
    target: door.target,
    photosDir: PHOTOS_DIR,
    concurrency: HOPELESS_CALLERS,
    warmMs: 0,
    durationMs: 2000,
    deadlineMs: HOPELESS_MS,
  });
  const { cpuMs } = end();
  const refused = Object.values(measured.failures).reduce((sum, count) => sum + count, 0);
  const all = Math.max(1, refused + measured.answered);
  return { serverMs: cpuMs / all, clientMs: measured.cpuMs / all, answered: measured.answered };
}

/** Answers within the deadline, per second. */
export function goodPerS({ latencies, windowMs }: OpenMeasured): number {
  return (latencies.ok.filter((ms) => ms <= DEADLINE_MS).length * 1000) / windowMs;
}

export function offeredPerS({ offered, windowMs }: OpenMeasured): number {
  return (offered * 1000) / windowMs;
}
