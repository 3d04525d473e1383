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

interface LogFile {
  readonly name: string;
  readonly bytes: number;
}

/** Files of a log. A link, pipe or device is none, nor a file that would fill the memory: what it hides counts as removed. */
async function filesOf(dir: string): Promise<readonly LogFile[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort();
  const looks = await Promise.all(names.map((name) => lstat(join(dir, name))));
  return looks.flatMap((look, i) =>
    look.isFile() && look.size <= MAX_FILE_BYTES ? [{ name: names[i] as string, bytes: look.size }] : [],
  );
}

/** What the files of a log hold now. */
export async function extentOf(dir: string): Promise<{ readonly firstSeq: number; readonly bytes: number }> {
  const files = await filesOf(dir);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const firstSeq = files[0] ? await firstSeqOf(join(dir, files[0].name)) : 1;
  return { firstSeq: Number.isFinite(firstSeq) ? firstSeq : 1, bytes };
}

/**
 * Records of one log in the order of its files, as they are on disk; the writer may go on meanwhile. A file is read
 * as a whole: it has a few MiB. What cannot be read is left out, which the chain shows.
 *
 * @param after leaves out files before the one that may hold the record after this one
 */
export async function* readLog(dir: string, after = 0): AsyncGenerator<Uint8Array> {
  const names = (await filesOf(dir)).map(({ name }) => name);
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
