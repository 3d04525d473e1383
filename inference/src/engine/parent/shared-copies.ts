import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelFile } from '@headgate/contracts/manifest';
import type { Logger } from '@headgate/runtime/logger';

/** A folder with copies of external data, and the engines that use it. */
interface Copies {
  readonly folder: Promise<string>;
  users: number;
  /** Ends when the engine that was started last has loaded, or could not. */
  turn: Promise<unknown>;
}

const byFiles = new Map<string, Copies>();

/**
 * Gives engines with the same external data the same private folder: the first one copies and verifies the files, the
 * others find them, and all map the same pages. So they load one after the other. The folder goes with the last engine.
 *
 * @param start is told the folder, and what to call when its engine has ended. When it fails, its engine has ended
 */
export async function withCopies<T>(
  files: readonly ModelFile[],
  log: Pick<Logger, 'warn'>,
  start: (folder: string, release: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const key = JSON.stringify(files);
  const copies = byFiles.get(key) ?? {
    folder: mkdtemp(join(tmpdir(), 'headgate-weights-')),
    users: 0,
    turn: Promise.resolve(),
  };
  byFiles.set(key, copies);
  copies.users += 1;
  let isReleased = false;
  const release = async () => {
    if (isReleased) return;
    isReleased = true;
    copies.users -= 1;
    if (copies.users > 0) return;
    byFiles.delete(key);
    const folder = await copies.folder.catch(() => undefined);
    if (folder) await remove(folder, log);
  };
  const started = copies.turn
    .then(async () => start(await copies.folder, release))
    .catch(async (error: unknown) => {
      await release();
      throw error;
    });
  copies.turn = started.catch(() => {});
  return started;
}

async function remove(folder: string, log: Pick<Logger, 'warn'>): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch((err: unknown) =>
    log.warn({ err, folder }, 'copies of weights cannot be removed; remove the folder'),
  );
}
