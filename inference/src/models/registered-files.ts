import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from '@headgate/contracts/manifest';
import { LoadError } from '../load-error.ts';
import { MANIFEST_FILE, MAX_LABELS_BYTES } from './manifest.ts';
import { SIGNATURE_FILE } from './trust.ts';
import { modelFiles } from './version-files.ts';

/** A file of a registered version, which proves itself by its digest. */
export interface RegisteredFile {
  readonly path: string;
  readonly maxBytes: number;
  readonly sha256: string;
}

/** Of a golden sample, as the engines read it. */
const MAX_SAMPLE_BYTES = 64 * 2 ** 20;

/**
 * What the manifest of a registered version lists, each path once.
 *
 * @throws LoadError when a digest is missing, or a path has two, or is a folder too
 */
export function registeredFiles(manifest: Manifest): readonly RegisteredFile[] {
  const { image, golden } = manifest;
  if (image && !image.labels_sha256) refuse('image.labels_sha256: expected for a registered version');
  const listed = [
    ...modelFiles(manifest).map(({ path, bytes, sha256 }) => ({ path, maxBytes: bytes, sha256 })),
    ...(image?.labels_sha256
      ? [{ path: image.labels, maxBytes: MAX_LABELS_BYTES, sha256: image.labels_sha256 }]
      : []),
    ...golden.samples.map(({ file, sha256 }) => ({ path: file, maxBytes: MAX_SAMPLE_BYTES, sha256 })),
  ];
  const files = new Map<string, RegisteredFile>();
  for (const file of listed) {
    const isOther = (files.get(file.path)?.sha256 ?? file.sha256) !== file.sha256;
    if (isOther || file.path === MANIFEST_FILE || file.path === SIGNATURE_FILE) {
      refuse(`${file.path} is listed as two different files`);
    }
    files.set(file.path, files.get(file.path) ?? file);
  }
  const isFolder = (path: string) => listed.some((other) => other.path.startsWith(`${path}/`));
  const both = listed.find(({ path }) => isFolder(path));
  if (both) refuse(`${both.path} is listed as a file and as a folder`);
  return [...files.values()];
}

/** Whether each file below a folder has its digest. Reads all of them. */
export async function areWhole(directory: string, files: readonly RegisteredFile[]): Promise<boolean> {
  for (const { path, sha256 } of files) {
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(join(directory, path)), hash);
    } catch {
      return false;
    }
    if (hash.digest('hex') !== sha256) return false;
  }
  return true;
}

function refuse(why: string): never {
  throw new LoadError(`${MANIFEST_FILE}: ${why}`, { kind: 'manifest' });
}
