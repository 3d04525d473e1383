import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '@headgate/contracts/manifest';
import { stampOfStatus } from '@headgate/runtime/file-stamp';
import { LoadError } from '../load-error.ts';
import { MANIFEST_FILE, readLabels, readManifest } from './manifest.ts';
import { compareNames, isModelName, type ModelRepository } from './repository.ts';
import { SIGNATURE_FILE, TRUST_ALL, type Trust } from './trust.ts';
import { modelFiles } from './version-files.ts';

/**
 * Versions as `<root>/<model>/<version>/{manifest.yaml, …}`. A folder without a manifest is no version yet: a
 * program that puts one there writes beside it and renames, or writes the manifest last.
 */
export function folderRepository(root: string, trust: Trust = TRUST_ALL): ModelRepository {
  return {
    async open(model, version, signal) {
      signal.throwIfAborted();
      const directory = join(root, model, version);
      if (!isModelName(model) || !isModelName(version) || !(await isFolder(directory))) {
        throw new LoadError(
          `${directory} does not exist; put the version there, or take it out of the routing table`,
          { kind: 'missing' },
        );
      }
      const before = await stampOf(join(directory, MANIFEST_FILE));
      const { manifest, sha256: manifestSha256 } = await readManifest(directory, { model, version }, trust);
      const labels = await readLabels(directory, manifest);
      const stamp = await stampOfVersion(directory, manifest);
      signal.throwIfAborted();
      if (before !== (await stampOf(join(directory, MANIFEST_FILE)))) {
        throw new LoadError(
          `${join(directory, MANIFEST_FILE)} was changed while it was read; load it again`,
          {
            kind: 'manifest',
          },
        );
      }
      return { directory, manifest, manifestSha256, labels, stamp };
    },
    async list() {
      const models = await foldersIn(root);
      const versions = await Promise.all(models.map((model) => versionsOf(root, model)));
      return versions.flat();
    },
    async isCurrent({ directory, manifest, stamp }) {
      return stamp === (await stampOfVersion(directory, manifest));
    },
    // The folder is the source.
    async refused() {},
  };
}

async function versionsOf(root: string, model: string) {
  const folders = await foldersIn(join(root, model));
  const complete = await Promise.all(
    folders.map(async (version) => (await stampOf(join(root, model, version, MANIFEST_FILE))) !== undefined),
  );
  return folders.filter((_, i) => complete[i]).map((version) => ({ model, version }));
}

/** Changes when any file of the version does, and when one goes or comes. */
async function stampOfVersion(directory: string, manifest: Manifest): Promise<string> {
  const names = [
    MANIFEST_FILE,
    SIGNATURE_FILE,
    ...(manifest.image ? [manifest.image.labels] : []),
    ...modelFiles(manifest).map(({ path }) => path),
  ];
  const stamps = await Promise.all(names.map((name) => stampOf(join(directory, name))));
  return stamps.map((stamp) => stamp ?? 'missing').join();
}

/** Undefined when there is no such file. */
async function stampOf(path: string): Promise<string | undefined> {
  const status = await stat(path, { bigint: true }).catch(() => undefined);
  return status && stampOfStatus(status);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Names of the folders in a folder, in the repository's order; none when it cannot be read. */
export async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isFile() && isModelName(entry.name))
    .map(({ name }) => name)
    .sort(compareNames);
}
