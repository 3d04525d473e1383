import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { nodeFiles, type SegmentFile, type SpoolFiles } from '../spool/files.ts';
import { openSpool, SPOOL_DEFAULTS, type SpoolLimits, type SpoolOptions } from '../spool/spool.ts';

/**
 * Runs a program for Node that prints a line for each thing it has promised, and kills it once it has printed so many
 * characters. @returns the whole lines
 */
export async function promisedBeforeKill(dir: string, source: string, characters: number): Promise<string[]> {
  const script = join(dir, 'writer.mjs');
  writeFileSync(script, source);
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
    if (printed.length > characters) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return printed.split('\n').slice(0, -1);
}

export const TEST_LIMITS: SpoolLimits = { ...SPOOL_DEFAULTS, maxBytes: 2 ** 24 };

/** Opens a spool that writes only when it is flushed, and counts what it reports. */
export async function testSpool(options: Partial<SpoolOptions> & { limits?: SpoolLimits } = {}) {
  const seen = { written: 0, dropped: [] as string[], damagedBytes: 0 };
  const clock = new ManualClock();
  const dir = options.dir ?? tempDir();
  const spool = await openSpool({
    dir,
    clock,
    limits: TEST_LIMITS,
    soon: () => undefined,
    report: {
      written: (records) => {
        seen.written += records;
      },
      dropped: (records, cause) => seen.dropped.push(`${records} ${cause}`),
      damaged: (bytes) => {
        seen.damagedBytes += bytes;
      },
    },
    ...options,
  });
  return { spool, seen, clock, dir };
}

/** A disk that fails on demand: `failing` is the code of the error, and what it happens to. */
export function fragileFiles() {
  const disk = {
    failing: undefined as undefined | { readonly code: string; readonly on: 'create' | 'write' | 'sync' },
    syncs: 0,
    files: undefined as unknown as SpoolFiles,
  };
  const failIf = (on: 'create' | 'write' | 'sync') => {
    if (disk.failing?.on === on) throw Object.assign(new Error('disk'), { code: disk.failing.code });
  };
  disk.files = {
    async create(path) {
      failIf('create');
      return fragile(await nodeFiles.create(path));
    },
  };
  const fragile = (file: SegmentFile): SegmentFile => ({
    ...file,
    async write(bytes) {
      // What a full disk does: a part of it is there.
      if (disk.failing?.on === 'write') await file.write(bytes.subarray(0, bytes.byteLength / 2));
      failIf('write');
      await file.write(bytes);
    },
    async sync() {
      failIf('sync');
      disk.syncs++;
      await file.sync();
    },
  });
  return disk;
}

export const bytesOfText = (text: string): Uint8Array => Buffer.from(text);
export const textOf = ({ payload }: { readonly payload: Uint8Array }): string =>
  Buffer.from(payload).toString();
