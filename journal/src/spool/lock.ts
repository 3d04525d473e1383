import { readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Which process writes into a directory. */
interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Tells a process from an earlier one with the same pid. */
  readonly start: string;
}

/** Another process writes into the directory, or may. */
export class SpoolLockedError extends Error {
  override readonly name = 'SpoolLockedError';
}

/**
 * Makes this process the only writer of `dir`. A lock whose process is gone is taken over; one that does not say whose
 * it is stays. It is a symbolic link to nowhere: its text appears whole or not at all, and takes no block of the disk,
 * which may be full.
 *
 * @returns what gives the lock back
 * @throws SpoolLockedError
 */
export function lockDirectory(dir: string): () => void {
  const path = join(dir, 'lock');
  const mine: Owner = { host: hostname(), pid: process.pid, start: startOf(process.pid) ?? '' };
  if (!linked(textOf(mine), path)) {
    const owner = readOwner(path);
    if (!owner || mayBeAlive(owner, mine)) throw lockedBy(owner, dir);
    if (!takenAside(path, owner) || !linked(textOf(mine), path)) throw lockedBy(readOwner(path), dir);
  }
  return () => unlinkSync(path);
}

function lockedBy(owner: Owner | undefined, dir: string): SpoolLockedError {
  const who = owner ? `process ${owner.pid} on ${owner.host}` : 'another process';
  return new SpoolLockedError(
    `${who} writes records into ${dir}; give each process a writer of its own (gateway.records.writer, audit.writer), or remove the file lock in it when that process is gone`,
  );
}

/** False when there is a lock already. */
function linked(text: string, path: string): boolean {
  try {
    symlinkSync(text, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a process that is gone. False when another process was quicker, whose lock then stays. */
export function takenAside(path: string, gone: Owner): boolean {
  const aside = `${path}.gone.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  const was = readOwner(aside);
  const same = was?.pid === gone.pid && was.start === gone.start;
  if (was && !same) linked(textOf(was), path);
  unlinkSync(aside);
  return same;
}

/** Short, so that it fits beside the attributes of the file. */
const textOf = ({ host, pid, start }: Owner) => `${host}:${pid}:${start}`;

/** Undefined when it is not there, or not what we write. */
function readOwner(path: string): Owner | undefined {
  try {
    const [, host, pid, start] = /^(.+):(\d+):(.*)$/.exec(readlinkSync(path)) ?? [];
    if (host === undefined || start === undefined) return undefined;
    return { host, pid: Number(pid), start };
  } catch {
    return undefined;
  }
}

/** Processes of another host cannot be asked: they count as alive. */
function mayBeAlive(owner: Owner, mine: Owner): boolean {
  if (owner.host !== mine.host) return true;
  const start = startOf(owner.pid);
  return start !== undefined && start === owner.start;
}

/** When the process started, as text that no other process with its pid has had; undefined when it is gone. */
function startOf(pid: number): string | undefined {
  try {
    // The name in parentheses may hold anything; field 22 is the 20th after it.
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return isRunning(pid) ? 'running' : undefined;
  }
}

/** For hosts without /proc. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux';
  } catch {
    return false;
  }
}
