import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { keepSpares, writeIntoSpare } from '../spares.ts';
import { CliError } from './errors.ts';

/** One version of a file: its text, and an identity that no other version has. */
interface Version {
  readonly text: string | undefined;
  readonly identity: string;
  readonly owner?: { readonly mode: number; readonly uid: number; readonly gid: number };
}

/** An author needs a fraction of a millisecond; one that is held up for longer than that counts as dead. */
const AUTHOR_WITHIN_MS = 1000;
const POLL_MS = 2;

/** Room for four changes, each of a text that is twice as long, while others take every block that becomes free. */
const SPARES = 4;
const MIN_SPARE_BYTES = 8192;

/** `keep`: spare files are kept beside this one; `use`: and one is taken when the disk is full. */
export type SpareUse = 'none' | 'keep' | 'use';

/** Each attempt that fails means that somebody else's change went through. */
const MAX_ATTEMPTS = 1000;

/**
 * Replaces a small file as a whole: a reader sees the old text or the new one, and of several programs that
 * do this at once none loses its change.
 *
 * No lock, because a lock outlives a program that was killed. The next version of version V is prepared under a name
 * made from V's identity. That name can be taken once (`link` fails when it exists), so V has one successor. A program
 * that finds the name taken waits a moment for its author; when nothing happens the author was killed, and the successor is
 * renamed into place for it. V must still be in place after the name was taken, for V's successor may have come and
 * gone in between.
 *
 * Helping at once would lose changes: an author that is held up right before its own rename would, after the help,
 * find under that name what a third program put there that still knew V, and rename that.
 *
 * @param change the new text; gets undefined while there is no file. Called again after a lost race
 * @throws CliError conflict, when the others never stop
 */
export function replaceFile(
  path: string,
  change: (text: string | undefined) => string,
  spare: SpareUse = 'none',
): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target = targetOf(path);
  replaceTarget(target, change, spare);
  if (spare === 'none') return;
  const bytes = Math.max(MIN_SPARE_BYTES, 2 * statSync(target).size);
  keepSpares({ dir: sparesOf(target), count: SPARES, bytes });
}

const sparesOf = (target: string) => `${target}.spare`;

function replaceTarget(target: string, change: (text: string | undefined) => string, spare: SpareUse): void {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const version = readVersion(target);
    const successor = `${target}.after-${version.identity}`;
    const prepared = writePrepared(target, change(version.text), version, spare);
    try {
      linkSync(prepared, successor);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      const abandoned = !isGoneSoon(successor);
      if (abandoned && readVersion(target).identity === version.identity) putInPlace(successor, target);
      continue;
    } finally {
      rmSync(prepared, { force: true });
    }
    if (readVersion(target).identity === version.identity) {
      putInPlace(successor, target);
      return;
    }
    // Gone already: another program put it in place. Still there: V had been replaced before the name was taken.
    if (!remove(successor)) return;
  }
  throw new CliError('conflict', `${target} is changed all the time by others`, { remedy: 'run it again' });
}

/** The file itself when the path is a link to it. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Text and identity of the same version, whatever happens to the name meanwhile. */
function readVersion(path: string): Version {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { text: undefined, identity: 'none' };
    throw error;
  }
  try {
    const { ino, mtimeNs, size, mode, uid, gid } = fstatSync(file, { bigint: true });
    const owner = { mode: Number(mode) & 0o777, uid: Number(uid), gid: Number(gid) };
    return { text: readFileSync(file, 'utf8'), identity: `${ino}-${mtimeNs}-${size}`, owner };
  } finally {
    closeSync(file);
  }
}

/** On disk before it has its name, and readable by whom the version before was readable. */
function writePrepared(target: string, text: string, { owner }: Version, spare: SpareUse): string {
  const path = `${target}.${process.pid}-${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    rmSync(path, { force: true });
    if (spare !== 'use' || !writeIntoSpare({ dir: sparesOf(target) }, path, Buffer.from(text))) throw error;
  }
  if (owner) {
    chmodSync(path, owner.mode);
    if (process.getuid?.() === 0) chownSync(path, owner.uid, owner.gid);
  }
  return path;
}

/** Sleeps, as everything here does without giving way to other work of this program. */
function isGoneSoon(path: string): boolean {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const end = performance.now() + AUTHOR_WITHIN_MS; existsSync(path); ) {
    if (performance.now() > end) return false;
    Atomics.wait(sleeper, 0, 0, POLL_MS);
  }
  return true;
}

/** Gone already: another program did it. */
function putInPlace(successor: string, target: string): void {
  try {
    renameSync(successor, target);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** @returns false when there was nothing to remove */
function remove(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
