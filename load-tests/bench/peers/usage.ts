import { readFileSync } from 'node:fs';

/** A process of a server, and the part that it plays there. */
export interface PartProcess {
  readonly pid: number;
  readonly part: string;
}

/** What a group of processes used between two moments. */
export interface Usage {
  readonly cpuMs: number;
  readonly cpuMsOfPart: Readonly<Record<string, number>>;
  /** Largest sum of their proportional set sizes: shared pages count once. */
  readonly peakBytes: number;
}

/** Reading the sizes of all processes holds up their requests for some 30 ms on two cores. */
const MEMORY_EVERY_MS = 1000;

/**
 * Begins to watch processes; the returned function ends it.
 *
 * @param processes looked up each time, since servers fork
 */
export function watchUsage(processes: () => readonly PartProcess[]): () => Usage {
  const end = watchCpu(processes);
  let peakBytes = 0;
  const measure = () => {
    peakBytes = Math.max(peakBytes, bytesOf(processes()));
  };
  const timer = setInterval(measure, MEMORY_EVERY_MS).unref();
  return () => {
    clearInterval(timer);
    const cpu = end();
    measure();
    return { ...cpu, peakBytes };
  };
}

/** The same without memory, which costs nothing meanwhile. */
export function watchCpu(processes: () => readonly PartProcess[]): () => Omit<Usage, 'peakBytes'> {
  const before = new Map(processes().map(({ pid }) => [pid, cpuMsOf(pid)]));
  return () => {
    const cpuMsOfPart: Record<string, number> = {};
    for (const { pid, part } of processes()) {
      cpuMsOfPart[part] = (cpuMsOfPart[part] ?? 0) + cpuMsOf(pid) - (before.get(pid) ?? 0);
    }
    const cpuMs = Object.values(cpuMsOfPart).reduce((sum, ms) => sum + ms, 0);
    return { cpuMs, cpuMsOfPart };
  };
}

/** Clock ticks per second of /proc/PID/stat: fixed at 100 in Linux's interface to user programs. */
const TICKS_PER_S = 100;

/**
 * CPU time of a process, in ms; 0 once it is gone. The scheduler's exact sum over its threads, those that have ended
 * included (which /proc/PID/task/TID/schedstat lacks), rounded to ticks.
 */
function cpuMsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields 14 and 15 of proc(5), utime and stime; the fields after the command begin with the third.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_S;
  } catch {
    return 0;
  }
}

/** Sum of the proportional set sizes. */
export function bytesOf(processes: readonly PartProcess[]): number {
  return processes.reduce((sum, { pid }) => sum + proportionalBytes(pid), 0);
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
