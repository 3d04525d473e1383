import type { Stats } from 'node:fs';
import { lstat, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BODY_BYTES, unlink } from '@headgate/journal/audit/chain';
import { scanFrames } from '@headgate/journal/spool/frame';

/** Names of the writers whose logs are in `dir`. */
export async function writersIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** A writer ends a file at 4 MiB and a write. Nothing larger is one of its files. */
const MAX_FILE_BYTES = 64 * 2 ** 20;

/** Files of a log. A link, pipe or device is none, nor a file that would fill the memory: what it hides counts as removed. */
async function filesOf(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort();
  const looks = await Promise.all(names.map((name) => lstat(join(dir, name))));
  const fits = (look: Stats) => look.isFile() && look.size <= MAX_FILE_BYTES;
  return names.filter((_, i) => fits(looks[i] as Stats));
}

/** Place of the first record of a log; 1 where it has none. */
export async function firstSeqIn(dir: string): Promise<number> {
  const [name] = await filesOf(dir);
  const firstSeq = name === undefined ? 1 : await firstSeqOf(join(dir, name));
  return Number.isFinite(firstSeq) ? Math.max(1, firstSeq) : 1;
}

/**
 * Records of one log in the order of its files, as they are on disk; the writer may go on meanwhile. A file is read
 * as a whole: it has a few MiB. What cannot be read is left out, which the chain shows.
 *
 * @param after leaves out files before the one that may hold the record after this one
 */
export async function* readLog(dir: string, after = 0): AsyncGenerator<Uint8Array> {
  const names = await filesOf(dir);
  for (const name of names.slice(await indexOfFile(dir, names, after + 1))) {
    for (const { payload } of scanFrames(await readFile(join(dir, name))).frames) yield payload;
  }
}

/** The last file that begins with `seq` or a record before it; found in few steps, because logs may have a GiB. */
async function indexOfFile(dir: string, names: readonly string[], seq: number): Promise<number> {
  let [low, high] = [0, names.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((await firstSeqOf(join(dir, names[middle] as string))) <= seq) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** More than any record has, with its frame. */
const BEGIN_BYTES = 2 * MAX_BODY_BYTES;

/** Infinity when the begin of the file cannot be read as a record: the search goes on before it. */
async function firstSeqOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGIN_BYTES), 0, BEGIN_BYTES, 0);
    const first = scanFrames(buffer.subarray(0, bytesRead)).frames[0];
    return (first && unlink(first.payload)?.record.seq) ?? Number.POSITIVE_INFINITY;
  } finally {
    await file.close();
  }
}
