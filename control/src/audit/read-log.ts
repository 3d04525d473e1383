import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BODY_BYTES, unlink } from '@headgate/journal/audit/chain';
import { readLogFile } from '@headgate/journal/spool/files';
import { scanFrames } from '@headgate/journal/spool/frame';
import { isMisnamed, sequenceIn } from '@headgate/journal/spool/segments';
import { openRegularFile } from '@headgate/runtime/read-file';

/** Names of the writers whose logs are in `dir`. */
export async function writersIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

async function filesOf(dir: string): Promise<readonly string[]> {
  return (await readdir(dir)).filter((name) => sequenceIn(name) !== undefined).sort();
}

/** Names that look like files of a log whose writer did not make them: reading leaves them out. */
export async function strangersIn(dir: string): Promise<string[]> {
  const strangers: string[] = [];
  for (const name of (await readdir(dir)).filter((one) => /\.log$/i.test(one)).sort()) {
    if ((await firstSeqOf(dir, name)) === undefined) strangers.push(name);
  }
  return strangers;
}

/** Links, pipes, devices and files that would fill the memory are skipped: the records that they hide count as removed. */
const unlessNone = (error: unknown): undefined => {
  if (!(error instanceof RangeError)) throw error;
};

/** Place of the first record of a log; 1 where it has none. */
export async function firstSeqIn(dir: string): Promise<number> {
  for (const name of await filesOf(dir)) {
    const seq = await firstSeqOf(dir, name);
    if (seq !== undefined) return Number.isFinite(seq) ? Math.max(1, seq) : 1;
  }
  return 1;
}

/**
 * Records of one log in the order of its files, as they are on disk; the writer may go on meanwhile. A file is read
 * as a whole: it has a few MiB. What cannot be read is left out, which the chain shows.
 *
 * @param after leaves out files before the one that may hold the record after this one
 */
export async function* readLog(dir: string, after = 0): AsyncGenerator<Uint8Array> {
  const names = await filesOf(dir);
  const from = after === 0 ? 0 : await indexOfFile(dir, names, after + 1);
  for (const name of names.slice(from)) {
    const bytes = await readLogFile(join(dir, name)).catch(unlessNone);
    if (!bytes) continue;
    const { frames } = scanFrames(bytes);
    if (isMisnamed(name, frames[0])) continue;
    for (const { payload } of frames) yield payload;
  }
}

/** The last file that begins with `seq` or a record before it; found in few steps, because logs may have a GiB. */
async function indexOfFile(dir: string, names: readonly string[], seq: number): Promise<number> {
  let [low, high] = [0, names.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const first = await firstSeqOf(dir, names[middle] as string);
    if (first !== undefined && first <= seq) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** More than any record has, with its frame. */
const BEGIN_BYTES = 2 * MAX_BODY_BYTES;

/**
 * Place of the first record of a file; Infinity if its first frame holds no readable record; undefined if it is no log
 * file.
 */
async function firstSeqOf(dir: string, name: string): Promise<number | undefined> {
  const file = await openRegularFile(join(dir, name), 'refuse').catch(unlessNone);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGIN_BYTES), 0, BEGIN_BYTES, 0);
    const first = scanFrames(buffer.subarray(0, bytesRead)).frames[0];
    if (isMisnamed(name, first)) return undefined;
    return (first && unlink(first.payload)?.record.seq) ?? Number.POSITIVE_INFINITY;
  } finally {
    await file.close();
  }
}
