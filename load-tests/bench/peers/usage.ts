import { readFileSync } from 'node:fs';
import { cpuMsOf } from '@headgate/testkit/processes';

/** What a group of processes used between two moments. */
export interface Usage {
  readonly cpuMs: number;
  /** Largest sum of their proportional set sizes: shared pages count once. */
  readonly peakBytes: number;
}

/** Reading the size of a process costs the kernel about a millisecond. */
const MEMORY_EVERY_MS = 1000;

/**
 * Begins to watch processes; the returned function ends it.
 *
 * @param pids looked up each time, since servers fork
 */
export function watchUsage(pids: () => readonly number[]): () => Usage {
  const before = new Map(pids().map((pid) => [pid, cpuMsOf(pid)]));
  let peakBytes = 0;
  const measure = () => {
    const bytes = pids().reduce((sum, pid) => sum + proportionalBytes(pid), 0);
    peakBytes = Math.max(peakBytes, bytes);
  };
  const timer = setInterval(measure, MEMORY_EVERY_MS).unref();
  return () => {
    clearInterval(timer);
    const cpuMs = pids().reduce((sum, pid) => sum + cpuMsOf(pid) - (before.get(pid) ?? 0), 0);
    measure();
    return { cpuMs, peakBytes };
  };
}

function proportionalBytes(pid: number): number {
  try {
    return kibOf(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) * 1024;
  } catch {
    return 0;
  }
}

/** `Pss:` of a smaps_rollup file, in KiB. */
export function kibOf(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
}
