import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rename, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Manifest, ModelFile } from '@headgate/contracts/manifest';
import { openRegularFile } from '@headgate/runtime/read-file';
import { LoadError } from '../load-error.ts';

/**
 * The files of a version that its manifest lists. Each is opened once, and what is hashed is what is used: bytes in
 * memory, or a copy in a folder that nobody else can write to (decision 0073).
 */

/** Read at once: 1 MiB. */
const PIECE_BYTES = 2 ** 20;
/** A copy leaves so much of the disk free for others, in bytes. */
const DISK_RESERVE_BYTES = 64 * 2 ** 20;
/** Name of a copy until it is verified; no file of a version is called so. */
const UNVERIFIED = '\\unverified';
/** No protobuf message is longer. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** The model file and its external data, as the manifest lists them. */
export function modelFiles({ file }: Pick<Manifest, 'file'>): readonly ModelFile[] {
  return [file, ...file.external_data];
}

/** @throws LoadError with the file when it is missing, of another size or content, or too large for this machine */
export async function readVerified(directory: string, file: ModelFile): Promise<Uint8Array<ArrayBuffer>> {
  if (file.bytes > MAX_MODEL_BYTES) {
    throw broken(`${file.path} is larger than 2 GiB; keep its weights in files of their own`);
  }
  // The runtime has its own copy of them before these bytes can go.
  if (2 * file.bytes > process.availableMemory()) {
    throw new LoadError(
      `${file.path} needs ${2 * file.bytes} bytes of memory, which this machine does not have`,
    );
  }
  await using source = await openListed(directory, file);
  const hash = createHash('sha256');
  const content = new Uint8Array(file.bytes);
  for (let length = 0; length < file.bytes; ) {
    const { bytesRead } = await source.read(content, length, Math.min(PIECE_BYTES, file.bytes - length));
    if (bytesRead === 0) break;
    hash.update(content.subarray(length, length + bytesRead));
    length += bytesRead;
  }
  refuseOther(file, hash.digest('hex'));
  return content;
}

/**
 * Copies a file into the private folder `target`, under its own name, unless its copy is there: a copy has that name once
 * it is verified.
 *
 * @throws LoadError as `readVerified`, and when the disk has no room for it
 */
export async function copyVerified(directory: string, file: ModelFile, target: string): Promise<void> {
  const path = join(target, file.path);
  if (existsSync(path)) return;
  await refuseWithoutRoom(file, target);
  await mkdir(dirname(path), { recursive: true });
  const unverified = join(target, UNVERIFIED);
  await copyInto(unverified, directory, file);
  await rename(unverified, path);
}

async function copyInto(path: string, directory: string, file: ModelFile): Promise<void> {
  await using source = await openListed(directory, file);
  await using copy = await open(path, 'w', 0o600);
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  for (let left = file.bytes; left > 0; ) {
    const { bytesRead } = await source.read(piece, 0, Math.min(PIECE_BYTES, left), null);
    if (bytesRead === 0) break;
    const bytes = piece.subarray(0, bytesRead);
    hash.update(bytes);
    await copy.writeFile(bytes);
    left -= bytesRead;
  }
  refuseOther(file, hash.digest('hex'));
}

async function openListed(directory: string, file: ModelFile): Promise<FileHandle> {
  const source = await openInside(directory, file.path).catch((cause: unknown) => {
    const reason = cause instanceof RangeError ? cause.message : 'it cannot be read';
    throw broken(`${file.path}: ${reason}, but the manifest lists it`, cause);
  });
  const { size } = await source.stat();
  if (size === file.bytes) return source;
  await source.close();
  throw broken(`${file.path} has ${size} bytes, but the manifest says ${file.bytes}; ${REMEDY}`);
}

/** The folder of a version may be reached by links; below it there are none. */
async function openInside(directory: string, path: string): Promise<FileHandle> {
  const folder = await realpath(join(directory, dirname(path)));
  if (folder !== join(await realpath(directory), dirname(path))) {
    throw new RangeError('expected a folder of the version, not a link');
  }
  return openRegularFile(join(directory, path), 'refuse');
}

async function refuseWithoutRoom({ path, bytes }: ModelFile, target: string): Promise<void> {
  if (await hasRoom(target, bytes)) return;
  throw new LoadError(
    `${dirname(target)} has no room for a copy of ${path} (${bytes} bytes); make room there, or set TMPDIR`,
  );
}

/** Whether the disk of a folder takes so many bytes more, and keeps the reserve. */
export async function hasRoom(folder: string, bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize >= bytes + DISK_RESERVE_BYTES;
}

const REMEDY = 'the file was changed or is incomplete: restore it, or build the model again';

function refuseOther({ path, sha256 }: ModelFile, digest: string): void {
  if (digest === sha256) return;
  throw broken(`${path} has SHA-256 ${digest}, but the manifest says ${sha256}; ${REMEDY}`);
}

function broken(message: string, cause?: unknown): LoadError {
  return new LoadError(message, { kind: 'digest', cause });
}
