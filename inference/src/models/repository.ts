import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '@headgate/contracts/manifest';
import { LoadError } from '../load-error.ts';
import { readLabels, readManifest } from './manifest.ts';

/** A model version on the local disk. */
export interface ModelPackage {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Label of each class id; empty for models that are not classifiers. */
  readonly labels: readonly string[];
}

/** Where model versions come from: a folder here, a registry with a cache on disk elsewhere. */
export interface ModelRepository {
  /**
   * Makes the files of a version available locally. The model file itself is verified by the engine that loads it.
   *
   * @throws LoadError with what is missing or wrong
   */
  open(model: string, version: string): Promise<ModelPackage>;
  /** Every version that is there, whether it can be loaded or not; sorted by model, then from old to new. */
  list(): Promise<readonly VersionName[]>;
}

export interface VersionName {
  readonly model: string;
  readonly version: string;
}

/** Versions as `<root>/<model>/<version>/{manifest.yaml, …}`. Names are those of the routing schema. */
export function folderRepository(root: string): ModelRepository {
  return {
    async open(model, version) {
      const directory = join(root, model, version);
      const folder = await stat(directory).catch(() => undefined);
      if (!folder?.isDirectory()) {
        throw new LoadError(
          `${directory} does not exist; put the version there, or take it out of the routing table`,
        );
      }
      const manifest = await readManifest(directory, { model, version });
      return { directory, manifest, labels: await readLabels(directory, manifest) };
    },
    async list() {
      const models = await foldersIn(root);
      const versions = await Promise.all(
        models.map(async (model) =>
          (await foldersIn(join(root, model))).map((version) => ({ model, version })),
        ),
      );
      return versions.flat();
    },
  };
}

/** Names that can stand in a routing table; anything else in the folder is none of ours. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Names of the folders in a folder, numbers by their value; none when it cannot be read. */
async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => !entry.isFile() && NAME.test(entry.name)).map(({ name }) => name);
  return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
