import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import { type Measured, monotonicMs, startWorker, type Worker } from './jobs.ts';
import type { LoopJob } from './l1-worker.ts';
import { PHOTOS_DIR } from './photos.ts';

/** A bare loop with the decode and the sessions of the engine, and without a server: what inference is compared with. */
export interface BareLoop {
  readonly name: string;
  /** Each with a session of one thread. */
  readonly processes: number;
  readonly batch: number;
  /** Nothing overlaps: what a lone caller would wait for. */
  readonly alone: boolean;
}

/** The fastest of seven that were tried on two cores: one session of two threads, or two of one, batch 1 to 8. */
export const L1: BareLoop = { name: 'L1', processes: 2, batch: 4, alone: false };
export const LONE: BareLoop = { name: 'bare decode and session', processes: 1, batch: 1, alone: true };

const WARM_MS = 500;
/** Enough to load the model and to warm it. */
const LOAD_MS = 1500;

/** Runs a loop in processes of its own, all at the same time, and adds up what they did. */
export async function runLoop({ processes, batch, alone }: BareLoop, durationMs: number): Promise<Measured> {
  const env = { UV_THREADPOOL_SIZE: String(Math.max(1, 2 / processes)) };
  const workers: Worker<LoopJob>[] = Array.from({ length: processes }, () =>
    startWorker<LoopJob>('./l1-worker.ts', { env }),
  );
  const job: LoopJob = {
    directory: join(ROOT, 'models/efficientnet-lite0/1'),
    photosDir: PHOTOS_DIR,
    batch,
    alone,
    beginAtMs: monotonicMs() + LOAD_MS,
    warmMs: WARM_MS,
    durationMs,
  };
  try {
    return together(await Promise.all(workers.map((worker) => worker.run(job))));
  } finally {
    for (const worker of workers) worker.stop();
  }
}

function together(all: readonly Measured[]): Measured {
  const sum = (value: (one: Measured) => number) => all.reduce((total, one) => total + value(one), 0);
  return {
    latencies: all.flatMap(({ latencies }) => latencies),
    windowMs: Math.max(...all.map(({ windowMs }) => windowMs)),
    answered: sum(({ answered }) => answered),
    failures: {},
    cpuMs: sum(({ cpuMs }) => cpuMs),
  };
}
