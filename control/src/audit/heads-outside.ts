import { readFile } from 'node:fs/promises';
import { type AnchoredHead, parseHeads } from '@headgate/contracts/audit/heads';

/**
 * The heads in a file that the database must have reached by now: younger ones may be on their way to it.
 *
 * @param path a file that is missing holds none
 * @param before ms since the Unix epoch
 */
export async function headsOutside(path: string, before: number): Promise<readonly AnchoredHead[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return parseHeads(text).filter(({ atMs }) => atMs < before);
}
