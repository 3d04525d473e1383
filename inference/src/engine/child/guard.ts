import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineSpec } from '../protocol.ts';

/** Files that ONNX Runtime maps into memory instead of reading them. */
export interface Guard {
  /** The first file that was written to since; undefined when none was. */
  changed(): Promise<string | undefined>;
  close(): Promise<void>;
}

/**
 * Keeps an eye on external data: the runtime maps it, so that a write into such a file changes the weights of
 * the model that serves. A file that is removed, or replaced by another one of its name, changes nothing.
 */
export async function guardExternalData({
  directory,
  manifest,
}: Pick<EngineSpec, 'directory' | 'manifest'>): Promise<Guard> {
  const files = await Promise.all(
    manifest.file.external_data.map(async ({ path }) => {
      const handle = await open(join(directory, path));
      return { path, handle, before: await writtenAt(handle) };
    }),
  );
  return {
    async changed() {
      for (const { path, handle, before } of files) {
        if ((await writtenAt(handle)) !== before) return path;
      }
      return undefined;
    },
    async close() {
      await Promise.all(files.map(({ handle }) => handle.close()));
    },
  };
}

async function writtenAt(handle: FileHandle): Promise<string> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  return `${size}:${mtimeNs}`;
}
