import type { EngineSpec } from '../protocol.ts';

/** What the first runs of a session have shown. */
export interface WarmUp {
  /** How long a batch of each size runs, in ms. */
  readonly times: ReadonlyMap<number, number>;
  /** Batches run in pieces of at most so many items. */
  readonly pieceSize: number;
}

/** Runs of each size, of which the cheapest counts: the first one allocates, and others may be disturbed. */
const TRIES = 3;

/** A size twice as large must save so much of each item's cost, or it is not used. */
const GAIN = 0.1;

/**
 * Runs each batch size, doubling up to the maximum: the first run of a size allocates, and no caller shall wait for
 * that. It stops where twice the size gains nothing, which on a CPU is often at once: larger batches then run in pieces,
 * as fast, and with a fraction of the memory for what lies between the layers (EfficientNet-Lite0, eight items: 88 MB,
 * one item: 11 MB).
 *
 * @param runBlank runs so many items without content
 * @param spentMs a clock of what runs cost
 */
export async function warmUp(
  maxBatchSize: number,
  runBlank: (size: number) => Promise<unknown>,
  spentMs: () => number,
): Promise<WarmUp> {
  const times = new Map<number, number>();
  let piece = { size: 1, ms: 0, cost: Number.POSITIVE_INFINITY };
  for (const size of warmUpSizes(maxBatchSize)) {
    if (size > 2 * piece.size) {
      times.set(size, (piece.ms * size) / piece.size);
      continue;
    }
    const { ms, cost } = await cheapest(() => runBlank(size), spentMs);
    times.set(size, ms);
    if (cost / size < ((1 - GAIN) * piece.cost) / piece.size) piece = { size, ms, cost };
  }
  return { times, pieceSize: piece.size };
}

/**
 * The CPU time of this thread where it does all the work, since other engines that load at the same time take turns with
 * it; else the clock.
 */
export function costClock({ provider, intraOpThreads }: Pick<EngineSpec, 'provider' | 'intraOpThreads'>) {
  if (provider !== 'cpu' || intraOpThreads > 1) return () => performance.now();
  return () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
}

/** 1, 2, 4 … and the maximum itself. */
export function warmUpSizes(maxBatchSize: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log2(maxBatchSize)) + 1 }, (_, i) => 2 ** i);
  return powers.at(-1) === maxBatchSize ? powers : [...powers, maxBatchSize];
}

async function cheapest(run: () => Promise<unknown>, spentMs: () => number) {
  let best = { ms: Number.POSITIVE_INFINITY, cost: Number.POSITIVE_INFINITY };
  for (let i = 0; i < TRIES; i += 1) {
    const [startedMs, before] = [performance.now(), spentMs()];
    await run();
    const [ms, cost] = [performance.now() - startedMs, spentMs() - before];
    best = { ms: Math.min(best.ms, ms), cost: Math.min(best.cost, cost) };
  }
  return best;
}
