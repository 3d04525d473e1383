import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that a test can fill. */
export interface SmallDisk {
  readonly dir: string;
  /** Leaves no room at all. */
  fill(): void;
  /** Takes away what filled it. */
  free(): void;
  remove(): void;
}

const BLOCK = Buffer.alloc(4096);

/** In memory, and the first of `bytes` are all it has. Undefined where it cannot be mounted, which takes root. */
export function mountSmallDisk(bytes: number): SmallDisk | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'headgate-test', dir], { stdio: 'ignore' });
  } catch {
    rmdirSync(dir);
    return undefined;
  }
  const ballast = join(dir, 'ballast');
  return {
    dir,
    fill: () => writeUntilFull(ballast),
    free: () => rmSync(ballast),
    remove() {
      execFileSync('umount', [dir]);
      rmdirSync(dir);
    },
  };
}

function writeUntilFull(path: string): void {
  const file = openSync(path, 'a');
  try {
    while (writeSync(file, BLOCK) === BLOCK.byteLength);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}
