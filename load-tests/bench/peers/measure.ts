import type { LoadJob } from '../client.ts';
import { type Measured, startWorker, type Worker } from '../jobs.ts';
import { PHOTOS_DIR } from '../photos.ts';
import type { Door } from './contender.ts';
import type { Trial } from './trial.ts';
import { type Usage, watchUsage } from './usage.ts';

export const CONCURRENCIES = [1, 8, 32] as const;
/** The concurrency that layouts are chosen by and targets are about. */
export const FULL = 32;
const WARM_MS = 1000;

/** One load on one door in one round. */
export interface Run {
  readonly measured: Measured;
  readonly usage: Usage;
}

/** Loads one door with a closed loop; its processes are watched meanwhile. */
export async function loadDoor(
  door: Door,
  client: Worker<LoadJob>,
  load: { readonly concurrency: number; readonly durationMs: number; readonly photosDir?: string },
): Promise<Run> {
  const end = watchUsage(door.processes);
  try {
    const measured = await client.run({
      target: door.target,
      photosDir: PHOTOS_DIR,
      warmMs: WARM_MS,
      ...load,
    });
    return { measured, usage: end() };
  } catch (error) {
    end();
    throw error;
  }
}

/** Runs `work` with a client that reaches the server; ends both, whatever happens. */
export async function withTrial<T>(trial: Trial, work: (client: Worker<LoadJob>) => Promise<T>): Promise<T> {
  const client = startWorker<LoadJob>('./client.ts', { wrapper: trial.server.clientWrapper });
  try {
    return await work(client);
  } finally {
    client.stop();
    await trial.server.stop();
  }
}
