import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * Files that somebody else puts in place. Devices have no size and no end, a pipe may wait for ever, and a file can grow
 * while it is read: only regular files are read, opened without waiting, and never more than a bound.
 */
export interface ReadOptions {
  /** Larger files are refused, in bytes. */
  readonly maxBytes: number;
  readonly links?: Links;
}

/** `refuse`: the last part of the path must not be a symbolic link. Default: `follow`, as mounted ConfigMaps need it. */
export type Links = 'follow' | 'refuse';

const PIECE_BYTES = 2 ** 16;

/** @throws RangeError when it is not a regular file or too large, with a message that may be logged; else of `open` */
export async function readRegularFile(path: string, { maxBytes, links }: ReadOptions): Promise<Buffer> {
  const file = await openRegularFile(path, links);
  try {
    if ((await file.stat()).size > maxBytes) throw tooLarge(maxBytes);
    const reading = pieces(maxBytes);
    let step = reading.next();
    while (!step.done) step = reading.next((await file.read(step.value, 0, null, null)).bytesRead);
    return step.value;
  } finally {
    await file.close();
  }
}

/** As `readRegularFile`, for the start of a process and for small files on local disks. */
export function readRegularFileSync(path: string, { maxBytes, links }: ReadOptions): Buffer {
  const file = attempt(() => openSync(path, flagsOf(links)));
  try {
    if (!fstatSync(file).isFile()) throw notRegular();
    const reading = pieces(maxBytes);
    let step = reading.next();
    while (!step.done) step = reading.next(readSync(file, step.value));
    return step.value;
  } finally {
    closeSync(file);
  }
}

/** Yields room for the next piece, is told how many bytes of it were filled, and returns all of them at the end. */
function* pieces(maxBytes: number): Generator<Buffer, Buffer, number> {
  const filled: Buffer[] = [];
  for (let left = maxBytes; ; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, left + 1));
    const bytes = yield piece;
    if (bytes === 0) return Buffer.concat(filled);
    left -= bytes;
    if (left < 0) throw tooLarge(maxBytes);
    filled.push(piece.subarray(0, bytes));
  }
}

/** For files too large to be read at once; the caller closes it. @throws as `readRegularFile` */
export async function openRegularFile(path: string, links?: Links): Promise<FileHandle> {
  const file = await open(path, flagsOf(links)).catch((error: unknown) => {
    throw wordingOf(error);
  });
  try {
    if ((await file.stat()).isFile()) return file;
    throw notRegular();
  } catch (error) {
    await file.close();
    throw error;
  }
}

function flagsOf(links: Links = 'follow'): number {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  return O_RDONLY | O_NONBLOCK | (links === 'refuse' ? O_NOFOLLOW : 0);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw wordingOf(error);
  }
}

/** A link where none may be, and a socket, fail when they are opened. */
function wordingOf(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ELOOP' || code === 'ENXIO' ? notRegular(error) : error;
}

function notRegular(cause?: unknown): RangeError {
  return new RangeError('expected a regular file', { cause });
}

function tooLarge(maxBytes: number): RangeError {
  return new RangeError(`larger than ${maxBytes} bytes`);
}
