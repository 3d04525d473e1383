import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import { monotonicMs } from './clock.ts';
import { type Measured, rateOf, startWorker, type Worker } from './jobs.ts';
import type { LoopJob } from './l1-worker.ts';
import { PHOTOS_DIR } from './photos.ts';

/**
 * L1: the best bare loop with the decode and the sessions of the engine, and without a server. The variant that
 * is best on this machine, at this moment, is what inference is compared with.
 */
export interface LoopVariant {
  readonly name: string;
  readonly processes: number;
  /** Of the session in each process. */
  readonly threads: number;
  readonly batch: number;
  /** Nothing overlaps: what a lone caller would wait for. */
  readonly alone?: boolean;
}

/** What was fastest on two cores so far. */
export const TWO_LOOPS: LoopVariant = { ...variant(2, 1, 4), name: 'L1, 2 loops × 1 thread, batch 4' };
export const LONE_LOOP: LoopVariant = { ...variant(1, 1, 1), name: 'bare decode and session', alone: true };

const TWO_THREADS = [1, 2, 4, 8].map((batch) => variant(1, 2, batch));
const TWO_PROCESSES = [1, 4, 8].map((batch) => variant(2, 1, batch));
export const LOOP_VARIANTS: readonly LoopVariant[] = [...TWO_THREADS, ...TWO_PROCESSES];

function variant(processes: number, threads: number, batch: number): LoopVariant {
  const loops = processes === 1 ? '1 loop' : `${processes} loops`;
  return {
    name: `${loops} × ${threads} thread${threads > 1 ? 's' : ''}, batch ${batch}`,
    processes,
    threads,
    batch,
  };
}

const WARM_MS = 500;
/** Enough to load the model and to warm it. */
const LOAD_MS = 1500;

/** Runs one variant in processes of its own, all at the same time, and adds up what they did. */
export async function runLoop(
  { processes, threads, batch, alone = false }: LoopVariant,
  durationMs: number,
): Promise<Measured> {
  const env = { UV_THREADPOOL_SIZE: String(Math.max(1, 2 / processes)) };
  const workers: Worker<LoopJob>[] = Array.from({ length: processes }, () =>
    startWorker<LoopJob>('./l1-worker.ts', { env }),
  );
  const job: LoopJob = {
    modelsDir: join(ROOT, 'models'),
    model: 'efficientnet-lite0',
    version: '1',
    photosDir: PHOTOS_DIR,
    threads,
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

/** Tries every variant and answers the one that is fastest now. */
export async function chooseLoop(
  durationMs: number,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: (line: string) => void },
): Promise<LoopVariant> {
  let best: { variant: LoopVariant; imagesPerS: number } | undefined;
  for (const variant of LOOP_VARIANTS) {
    signal.throwIfAborted();
    const imagesPerS = rateOf(await runLoop(variant, durationMs));
    progress(`layout  L1, ${variant.name}: ${imagesPerS.toFixed(1)} images/s`);
    if (!best || imagesPerS > best.imagesPerS) best = { variant, imagesPerS };
  }
  if (!best) throw new Error('no variant of the bare loop');
  return best.variant;
}
