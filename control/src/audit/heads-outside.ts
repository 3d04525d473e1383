import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { headsIn } from '@headgate/journal/audit/heads-file';

/**
 * The heads in a file that the database must have reached by now: younger ones may be on their way to it.
 *
 * @param path a file that is missing holds none
 * @param before ms since the Unix epoch
 */
export async function headsOutside(path: string, before: number): Promise<readonly AnchoredHead[]> {
  return headsIn(path, ({ atMs }) => atMs < before).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
