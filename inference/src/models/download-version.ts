import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '@headgate/runtime/logger';
import { type ModelRegistry, type RegisteredVersion, RegistryError } from '@headgate/runtime/registry/mlflow';
import { LoadError } from '../load-error.ts';
import { MANIFEST_FILE, MAX_MANIFEST_BYTES, readManifest } from './manifest.ts';
import { type RegisteredFile, registeredFiles } from './registered-files.ts';
import type { VersionName } from './repository.ts';
import { MAX_FILE_BYTES, SIGNATURE_FILE, type Trust } from './trust.ts';
import type { Entry, VersionCache } from './version-cache.ts';
import { hasRoom, modelFiles } from './version-files.ts';

export interface DownloadOptions {
  readonly cache: VersionCache;
  readonly registry: ModelRegistry;
  readonly trust: Trust;
  /** Served versions, loading ones too: the cache keeps them. */
  readonly served: () => readonly VersionName[];
  readonly log: Logger;
}

/** What to download. Model and version are as they were asked for; the server's own words become no path. */
interface Wanted extends VersionName {
  readonly registered: RegisteredVersion;
  /** Of its manifest. */
  readonly sha256: string;
  readonly signal: AbortSignal;
}

/**
 * Downloads a version into the cache: the manifest first, which is believed once its digest and signature are right, and
 * then what it lists.
 *
 * @throws LoadError with the file that is missing or another one; the signal's reason once it is aborted
 */
export async function downloadVersion(
  { cache, registry, trust, served, log }: DownloadOptions,
  { registered, sha256, model, version, signal }: Wanted,
): Promise<Entry> {
  const startedMs = performance.now();
  const fill = async (root: string) => {
    const directory = join(root, model, version);
    const fetch = (file: File) =>
      write(directory, file, registry.download(registered, file.path, { maxBytes: file.maxBytes, signal }));
    await fetch({ path: MANIFEST_FILE, maxBytes: MAX_MANIFEST_BYTES, sha256 });
    if (trust.requireSignature) await fetch({ path: SIGNATURE_FILE, maxBytes: MAX_FILE_BYTES });
    const { manifest } = await readManifest(directory, { model, version }, trust);
    const bytes = modelFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
    if (!(await hasRoom(root, bytes))) throw noRoom(`${model}/${version} (${bytes} bytes)`);
    for (const file of registeredFiles(manifest)) await fetch(file);
  };
  const entry = await cache.add({ model, version }, sha256, fill).catch((error) => {
    // Something else, such as another download, took the room since it was looked for.
    throw error.code === 'ENOSPC' ? noRoom(`${model}/${version}`, error) : error;
  });
  const ms = Math.round(performance.now() - startedMs);
  log.info({ model, version, run_id: registered.runId, ms }, 'a version was downloaded from MLflow');
  await cache.prune(served());
  return entry;
}

function noRoom(what: string, cause?: unknown): LoadError {
  return new LoadError(`registry.cache_dir has no room for ${what}; make room there`, { cause });
}

/** The signature has no digest: it proves itself. */
type File = Pick<RegisteredFile, 'path' | 'maxBytes'> & Partial<RegisteredFile>;

/** Writes a file while it arrives. @throws LoadError when it is missing, too large, or not the listed one */
async function write(directory: string, { path, sha256 }: File, content: AsyncIterable<Uint8Array>) {
  const target = join(directory, path);
  await mkdir(dirname(target), { recursive: true });
  await using file = await open(target, 'wx', 0o600);
  const hash = createHash('sha256');
  try {
    for await (const piece of content) {
      hash.update(piece);
      await file.writeFile(piece);
    }
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause;
    const isThere = cause.kind !== 'wrong' && cause.status !== 404;
    throw new LoadError(cause.message, {
      kind: isThere ? 'missing' : sha256 ? 'digest' : 'signature',
      cause,
    });
  }
  const digest = hash.digest('hex');
  if (sha256 !== undefined && digest !== sha256) {
    throw new LoadError(
      `${path} in MLflow has SHA-256 ${digest}, but ${sha256} was registered; it was changed: register the version again`,
      { kind: 'digest' },
    );
  }
  await file.sync();
}
