import { readdirSync, readFileSync } from 'node:fs';

/** What Linux knows about processes. Bytes throughout. */

/** Processes that a process started and that are alive. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

/**
 * A process's share of the memory that is no file: what is mapped by several counts in part. Files are left out, because
 * the share of a library depends on who else on the machine runs it just then. 0 once it has ended.
 */
export function proportionalBytes(pid: number): number {
  return fieldOf(pid, 'smaps_rollup', 'Pss_Anon') + fieldOf(pid, 'smaps_rollup', 'Pss_Shmem');
}

/** `VmHWM`: the most resident memory so far; `RssAnon`: what is resident and no file. 0 once it has ended. */
export function statusBytes(pid: number, field: 'VmHWM' | 'RssAnon'): number {
  return fieldOf(pid, 'status', field);
}

function fieldOf(pid: number, file: string, field: string): number {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(read(pid, file)) ?? [];
  return Number(kib ?? 0) * 1024;
}

/** Undefined for a process that has ended, also while nobody has taken note of that. */
function parentOf(pid: number): number | undefined {
  // The name, in brackets, may hold anything.
  const [state, parent] = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  return state === 'Z' || parent === undefined ? undefined : Number(parent);
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
