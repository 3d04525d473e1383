import { stat } from 'node:fs/promises';
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
  };
}
