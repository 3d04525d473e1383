import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/**
 * A process in Linux's /proc. These functions find processes only among the descendants of one that a test started,
 * never by name alone.
 */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

const canInspectProcesses = existsSync('/proc/self/stat');

/** True while the process exists and is not a zombie; without /proc a zombie counts as alive. */
export function isAlive(pid: number): boolean {
  if (canInspectProcesses) return !['Z', 'X', undefined].includes(statOf(pid)[0]);
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** All living descendants of `root`, nearest first; none where there is no /proc. */
export function descendantsOf(root: number): ProcessInfo[] {
  if (!canInspectProcesses) return [];
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && isAlive(Number(entry)))
    .map((entry) => infoOf(Number(entry)));
  const found: ProcessInfo[] = [];
  let parents = new Set([root]);
  while (parents.size > 0) {
    const children = all.filter((info) => parents.has(info.parent));
    found.push(...children);
    parents = new Set(children.map((info) => info.pid));
  }
  return found;
}

/** Waits until none of `pids` is alive. @returns those alive after `withinMs` */
export async function stillAliveAfter(pids: readonly number[], withinMs: number): Promise<number[]> {
  const gone = () => pids.every((pid) => !isAlive(pid));
  await eventually(gone, { what: 'the end of all processes', withinMs }).catch(() => {});
  return pids.filter(isAlive);
}

/**
 * Bytes of a process's memory that belong to no file; memory mapped by several processes counts in part. Files are
 * left out: the share of a library depends on what else runs on the machine. 0 once the process has ended.
 */
export function proportionalBytes(pid: number): number {
  return bytesIn(pid, 'smaps_rollup', 'Pss_Anon') + bytesIn(pid, 'smaps_rollup', 'Pss_Shmem');
}

/** `VmHWM`: the most resident memory so far; `RssAnon`: resident and no file. In bytes; 0 once it has ended. */
export function statusBytes(pid: number, field: 'VmHWM' | 'RssAnon'): number {
  return bytesIn(pid, 'status', field);
}

function bytesIn(pid: number, file: string, field: string): number {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(read(pid, file)) ?? [];
  return Number(kib ?? 0) * 1024;
}

function infoOf(pid: number): ProcessInfo {
  return { pid, parent: Number(statOf(pid)[1]), command: read(pid, 'cmdline').replaceAll('\0', ' ').trim() };
}

/** Fields of /proc/PID/stat from the state on; none once it is gone. The command before it may hold spaces. */
function statOf(pid: number): (string | undefined)[] {
  const text = read(pid, 'stat');
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
