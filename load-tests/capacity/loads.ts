import { readFileSync } from 'node:fs';
import { HEADER } from '@headgate/contracts/names';
import { seeded } from '@headgate/testkit/random';
import { Pool } from 'undici';
import { startWorker, type Worker } from '../bench/jobs.ts';
import type { OpenJob, OpenMeasured } from '../bench/overload/open-client.ts';
import { poissonArrivals } from '../bench/overload/schedule.ts';
import type { Door } from '../bench/peers/contender.ts';
import { watchCpu } from '../bench/peers/usage.ts';
import { loadPhotos, PHOTOS_DIR } from '../bench/photos.ts';
import type { BenchRun, Load, Run } from '../bench/series.ts';
import type { Stages } from './calibrate.ts';

const WARM_MS = 1000;
const DEADLINE_MS = 30_000;

/** So many callers that wait for each answer. Memory is not watched, since that would hold up requests. */
export function closedLoad(door: Door, concurrency: number, { client, stageMs }: BenchRun): Load {
  const job = {
    target: door.target,
    photosDir: PHOTOS_DIR,
    concurrency,
    warmMs: WARM_MS,
    durationMs: stageMs,
  };
  return { name: `c=${concurrency}`, run: () => withCpu(door, () => client.run(job)) };
}

/** Callers that come on their own, in each round at other times. */
export class OpenLoad implements Load {
  readonly name: string;
  readonly #door: Door;
  readonly #ratePerS: number;
  readonly #durationMs: number;
  readonly #worker: Worker<OpenJob, OpenMeasured> = startWorker('./overload/open-client.ts');
  #round = 0;

  constructor(door: Door, ratePerS: number, { stageMs }: BenchRun) {
    this.name = `${ratePerS.toFixed(0)} per second, Poisson`;
    this.#door = door;
    this.#ratePerS = ratePerS;
    this.#durationMs = stageMs;
  }

  /** When the requests of a round were due, in ms, and how many of them count. */
  arrivalsOf(round: number): { readonly arrivalsMs: readonly number[]; readonly requests: number } {
    const arrivalsMs = poissonArrivals(this.#ratePerS, WARM_MS + this.#durationMs, seeded(round));
    return { arrivalsMs, requests: arrivalsMs.filter((atMs) => atMs >= WARM_MS).length };
  }

  run(): Promise<Run> {
    const seed = this.#round++;
    const { target } = this.#door;
    const [ratePerS, durationMs] = [this.#ratePerS, this.#durationMs];
    const how = { deadlineMs: DEADLINE_MS, warmMs: WARM_MS, durationMs };
    return withCpu(this.#door, async () => {
      const { latencies, windowMs, outcomes, cpuMs } = await this.#worker.run({
        ...{ target, photosDir: PHOTOS_DIR, ratePerS, seed },
        ...how,
      });
      const { ok } = latencies;
      return { latencies: ok, windowMs, answered: ok.length, failures: outcomes, cpuMs };
    });
  }

  stop(): void {
    this.#worker.stop();
  }
}

async function withCpu(door: Door, measure: () => Promise<Run['measured']>): Promise<Run> {
  const end = watchCpu(door.processes);
  const measured = await measure();
  return { measured, usage: { ...end(), peakBytes: 0 } };
}

/** Sends each photo so many times, one after the other, and reads the stages in the answers. */
export async function measureStages({ target }: Door, times: number): Promise<Stages[]> {
  if (target.kind !== 'http') throw new Error('the whole path speaks HTTP');
  const { origin, path, key = '', caFile } = target;
  const photos = loadPhotos(PHOTOS_DIR);
  const pool = new Pool(origin, { connections: 1, connect: caFile ? { ca: readFileSync(caFile) } : {} });
  const headers = { 'content-type': 'image/jpeg', [HEADER.apiKey]: key };
  try {
    const seen: Stages[] = [];
    for (let time = 0; time < times; time += 1) {
      for (const { bytes } of photos) {
        const { body } = await pool.request({ method: 'POST', path, headers, body: bytes });
        seen.push(((await body.json()) as { timing_ms: Stages }).timing_ms);
      }
    }
    return seen;
  } finally {
    await pool.close();
  }
}
