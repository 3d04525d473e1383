import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest, ModelFile } from '@headgate/contracts/manifest';
import { LoadError } from '../load-error.ts';

/** Read at once: 1 MiB. */
const PIECE_BYTES = 2 ** 20;

/** The model file and its external data, as the manifest lists them. */
export function modelFiles({ file }: Pick<Manifest, 'file'>): readonly ModelFile[] {
  return [file, ...file.external_data];
}

/**
 * Identity of a file without reading it: a replaced file has another inode, one that was written to another time.
 * Undefined when there is none.
 */
export async function stampOf(path: string): Promise<string | undefined> {
  const status = await stat(path, { bigint: true }).catch(() => undefined);
  return status && `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}`;
}

/** As `stampOf`, with the time of change, which no program can set back. */
async function strictStampOf(path: string): Promise<string | undefined> {
  const status = await stat(path, { bigint: true }).catch(() => undefined);
  return status && `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}:${status.ctimeNs}`;
}

/** Files that were verified, and are to stay what they were until the runtime has read them. */
export interface Seal {
  /** @throws LoadError when a file was replaced or written to since */
  check(): Promise<void>;
}

/**
 * Compares the files of a version with what its manifest says about them. Each is read in pieces, so that the memory
 * it takes does not depend on the size of the model.
 *
 * @throws LoadError with the file that is missing, or of another size or content
 */
export async function sealFiles(directory: string, manifest: Pick<Manifest, 'file'>): Promise<Seal> {
  const files = modelFiles(manifest);
  const stampsOf = () => Promise.all(files.map(({ path }) => strictStampOf(join(directory, path))));
  const stamps = await stampsOf();
  for (const file of files) await verify(join(directory, file.path), file);
  return {
    async check() {
      const now = await stampsOf();
      const changed = files.find((_, i) => now[i] === undefined || now[i] !== stamps[i]);
      if (!changed) return;
      throw broken(`${changed.path} was changed while it was loaded; load the version again`);
    },
  };
}

async function verify(path: string, expected: ModelFile): Promise<void> {
  const file = await open(path).catch((cause: unknown) => {
    throw broken(`${expected.path} cannot be read, but the manifest lists it`, cause);
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw broken(`${expected.path} is no file`);
    if (status.size !== expected.bytes) {
      throw broken(
        `${expected.path} has ${status.size} bytes, but the manifest says ${expected.bytes}; ${REMEDY}`,
      );
    }
    const digest = await sha256Of(file);
    if (digest === expected.sha256) return;
    throw broken(
      `${expected.path} has SHA-256 ${digest}, but the manifest says ${expected.sha256}; ${REMEDY}`,
    );
  } finally {
    await file.close();
  }
}

const REMEDY = 'the file was changed or is incomplete: restore it, or build the model again';

/** As 64 hex digits. One buffer is read into again and again: a stream would leave 60 MiB for the collector. */
async function sha256Of(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
}

function broken(message: string, cause?: unknown): LoadError {
  return new LoadError(message, { kind: 'digest', cause });
}
