import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A small file system in memory that can be filled. */
export interface SmallDisk {
  /** Leaves no byte free. */
  fill(): void;
  empty(): void;
  remove(): void;
}

const SIZE = '8m';

/** Mounts one at `dir`; undefined where this process may not mount anything. */
export function smallDisk(dir: string): SmallDisk | undefined {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=700`, 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const filler = join(dir, 'filler');
  return {
    fill() {
      const file = openSync(filler, 'w');
      for (let bytes = 65_536; bytes >= 1; ) {
        try {
          writeSync(file, Buffer.alloc(bytes));
        } catch {
          bytes = Math.floor(bytes / 2);
        }
      }
      closeSync(file);
    },
    empty: () => rmSync(filler, { force: true }),
    remove: () => void execFileSync('umount', [dir]),
  };
}
