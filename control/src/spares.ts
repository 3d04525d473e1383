import { randomBytes, randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Spare files: blocks that the disk has given already, for what must be written when it gives no more. One is taken
 * by renaming it, written in place and cut to length. Works where files are overwritten in place (ext4, XFS, tmpfs),
 * not on a disk that copies on write (btrfs, ZFS).
 */
export interface Spares {
  /** Folder of their own, on the disk that they are for. */
  readonly dir: string;
  readonly count: number;
  readonly bytes: number;
}

/** Makes those that are missing or too small, as far as the disk lets us; never fails. */
export function keepSpares({ dir, count, bytes }: Spares): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const names = namesIn(dir);
    const small = names.filter((name) => statSync(join(dir, name)).size < bytes);
    const missing = count - (names.length - small.length);
    for (let i = 0; i < missing; i++) makeSpare(dir, bytes);
    for (const name of small) rmSync(join(dir, name), { force: true });
  } catch {
    // The next command tries again.
  }
}

/**
 * Makes a file out of a spare one; it survives a power cut.
 *
 * @returns false when there is none
 * @throws as a disk fails, when the bytes are more than the spare has and the disk gives no more
 */
export function writeIntoSpare({ dir }: Pick<Spares, 'dir'>, path: string, bytes: Uint8Array): boolean {
  if (!namesIn(dir).some((name) => isTaken(join(dir, name), path))) return false;
  writeDurably(path, 'r+', bytes);
  return true;
}

function makeSpare(dir: string, bytes: number): void {
  const path = join(dir, randomUUID());
  try {
    // Zeros may take no blocks.
    writeDurably(path, 'wx', randomBytes(bytes));
    renameSync(path, `${path}.spare`);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

function writeDurably(path: string, flags: 'r+' | 'wx', bytes: Uint8Array): void {
  const file = openSync(path, flags, 0o600);
  try {
    for (let written = 0; written < bytes.byteLength; ) {
      written += writeSync(file, bytes, written, bytes.byteLength - written, written);
    }
    ftruncateSync(file, bytes.byteLength);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Only one program can rename it. */
function isTaken(spare: string, path: string): boolean {
  try {
    renameSync(spare, path);
    return true;
  } catch {
    return false;
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => name.endsWith('.spare'));
  } catch {
    return [];
  }
}
