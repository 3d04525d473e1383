import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scanFrames } from '@headgate/contracts/spool/frame';

/** Names of the writers whose logs are in `dir`. */
export async function writersIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/**
 * Records of one log in the order of its files, as they are on disk; the writer may go on meanwhile. A file is read
 * as a whole: it has a few MiB. What cannot be read is left out, which the chain shows.
 */
export async function* readLog(dir: string): AsyncGenerator<Uint8Array> {
  const names = await readdir(dir);
  for (const name of names.filter((one) => one.endsWith('.log')).sort()) {
    for (const { payload } of scanFrames(await readFile(join(dir, name))).frames) yield payload;
  }
}
