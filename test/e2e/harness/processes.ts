import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { eventually } from './deadline.ts';

/**
 * Processes of the stack under test, by pid. Linux only, like the machines that run these tests: they read /proc.
 * Nothing here ever looks for a process by name alone: only among the descendants of one that a test started.
 */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

export const canInspectProcesses = existsSync('/proc/self/stat');

/** True while the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** All living descendants of `root`, nearest first. */
export function descendantsOf(root: number): ProcessInfo[] {
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => describe(Number(entry)))
    .filter((info) => info !== undefined);
  const found: ProcessInfo[] = [];
  let parents = new Set([root]);
  while (parents.size > 0) {
    const children = all.filter((info) => parents.has(info.parent));
    found.push(...children);
    parents = new Set(children.map((info) => info.pid));
  }
  return found;
}

/** Waits until none of `pids` is alive; answers those that still are after `withinMs`. */
export async function stillAliveAfter(pids: readonly number[], withinMs: number): Promise<number[]> {
  const gone = () => pids.every((pid) => !isAlive(pid));
  await eventually(gone, { what: 'the end of all processes', withinMs }).catch(() => {});
  return pids.filter(isAlive);
}

/** Clock ticks per second of /proc/<pid>/stat: fixed at 100 in Linux's interface to user programs. */
const TICKS_PER_S = 100;

/** CPU time that `pid` has used so far, its ended and waited-for children included, in ms; 0 once it is gone. */
export function cpuMsOf(pid: number): number {
  const stat = statOf(pid);
  if (!stat) return 0;
  // Fields 14 to 17 of proc(5): utime, stime, cutime, cstime; `stat` begins with field 3.
  const ticks = stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return (ticks * 1000) / TICKS_PER_S;
}

/** Fields of /proc/<pid>/stat from the state on; the command before it may hold spaces. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function describe(pid: number): ProcessInfo | undefined {
  const stat = statOf(pid);
  if (!stat || stat[0] === 'Z') return undefined;
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, parent: Number(stat[1]), command };
  } catch {
    return undefined;
  }
}
