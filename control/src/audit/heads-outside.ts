import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { headsIn } from '@headgate/journal/audit/heads-file';

/** A head that is older and not stored counts as cut off. Three anchors at their largest interval fit. */
const MAX_LAG_MS = 900_000;

/**
 * The heads in a file that the database must have reached by now: younger ones may be on their way to it.
 *
 * @param path a file that is missing holds none
 * @param nowMs since the Unix epoch
 */
export async function headsOutside(path: string, nowMs: number): Promise<readonly AnchoredHead[]> {
  return headsIn(path, ({ atMs }) => atMs < nowMs - MAX_LAG_MS).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
