import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Captured, type CaptureStore, isDay, keyOfPath, pathOf } from './store.ts';

/** Images as files that only their owner can read. A file is either whole or not there, also after a power cut. */
export function folderStore(dir: string): CaptureStore {
  return {
    async put(key, image, signal) {
      const path = join(dir, pathOf(key));
      if ((await sizeOf(path)) === image.byteLength) return;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const unfinished = join(dirname(path), `.${randomUUID()}`);
      try {
        await writeFile(unfinished, image, { mode: 0o600, flag: 'wx', flush: true, signal });
        await rename(unfinished, path);
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
    get: (key, signal) => readFile(join(dir, pathOf(key)), { signal }).catch(unlessMissing),
    async remove(key) {
      const path = join(dir, pathOf(key));
      await rm(path, { force: true });
      await rmdir(dirname(path)).catch(unlessInUse);
    },
    days: async () => (await namesIn(dir)).filter(isDay),
    async *list(day, { unit, signal }) {
      const units = unit === undefined ? await namesIn(join(dir, day)) : [unit];
      for (const name of units) {
        for (const file of await namesIn(join(dir, day, name))) {
          signal.throwIfAborted();
          const found = await captured(dir, `${day}/${name}/${file}`);
          if (found) yield found;
        }
      }
    },
    removeDay: (day) => rm(join(dir, day), { recursive: true, force: true }),
  };
}

/** Undefined for what is no image, or has gone meanwhile. */
async function captured(dir: string, path: string): Promise<Captured | undefined> {
  const key = keyOfPath(path);
  const found = key && (await stat(join(dir, path)).catch(unlessMissing));
  return found && { ...key, bytes: found.size };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(unlessMissing))?.size;
}

async function namesIn(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir).catch(unlessMissing);
  return (names ?? []).sort();
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** Nor where nothing of the unit ever was. */
function unlessInUse(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') unlessMissing(error);
}
