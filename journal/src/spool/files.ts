import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readRegularFile } from '@headgate/runtime/read-file';

/** A segment that is open for appending. Every call may fail as a file system fails: ENOSPC, EIO, EDQUOT. */
export interface SegmentFile {
  /** Appends all of it, or fails with an unknown part of it written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Settles when everything written so far survives a power cut. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** What the spool needs from a file system; tests give one that fails. */
export interface SpoolFiles {
  /** Makes a file that must not exist yet, and makes its name survive a power cut. */
  create(path: string): Promise<SegmentFile>;
}

export const nodeFiles: SpoolFiles = {
  async create(path) {
    const file = await open(path, 'ax', 0o600);
    await syncDirectory(dirname(path));
    return {
      write: (bytes) => writeAll(file, bytes),
      sync: () => file.datasync(),
      truncate: (bytes) => file.truncate(bytes),
      close: () => file.close(),
    };
  },
};

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, written);
    written += bytesWritten;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

/** A writer ends a file at 4 MiB and a write. Nothing larger is one of its files. */
const MAX_LOG_FILE_BYTES = 64 * 2 ** 20;

/** A whole file of a log. @throws RangeError when it is none: a link, a pipe or a device, or far too large */
export function readLogFile(path: string): Promise<Buffer> {
  return readRegularFile(path, { maxBytes: MAX_LOG_FILE_BYTES, links: 'refuse' }).catch((cause) => {
    throw cause instanceof RangeError ? new RangeError(`${path}: ${cause.message}`, { cause }) : cause;
  });
}

/**
 * Appends one line, in a folder that is made where it is missing; settles when the line survives a power cut. A line
 * before it that a full disk tore ends there, so that it takes no other with it.
 */
export async function appendLine(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await appendDurably(path, (await isTorn(path)) ? `\n${line}` : line);
}

async function isTorn(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return false;
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    return bytesRead > 0 && buffer.toString() !== '\n';
  } finally {
    await file.close();
  }
}

/** Settles when the bytes survive a power cut. One write, so that lines of several programs do not mix. */
export async function appendDurably(path: string, bytes: string | Uint8Array): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}
