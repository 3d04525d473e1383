import { type FSWatcher, watch as fsWatch } from 'node:fs';
import { dirname } from 'node:path';
import { describeIssues } from '@headgate/contracts/issues';
import { z } from 'zod';
import { stampOf } from './file-stamp.ts';
import { UnfinishedError } from './parse-yaml-apart.ts';
import { type Check, readDocument, readDocumentApart } from './read-document.ts';
import { readRegularFileSync } from './read-file.ts';

/**
 * A small file that people and programs edit while we run (routing table, key records): read and checked as a
 * whole, live within a second. A version that does not pass changes nothing; the last good one stays.
 */
export interface WatchedFile<T> {
  /** The last good value. Never changes in place: each accepted version is a new object. */
  current(): T;
  /** Ends the watching; `current` goes on answering. */
  stop(): void;
}

export interface WatchFileOptions<T> {
  /** After each accepted version except the first, also when a bad one is followed by the same good one again. */
  readonly onChange?: (value: T) => void;
  /** Once for each version that was refused; `current` has not changed. */
  readonly onError?: (error: FileError) => void;
  /** Larger files are refused, in bytes. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Interval of the safety net below the file system's own events, in ms. Default 1000. */
  readonly pollMs?: number;
  /** A version counts once the file has not changed for so long, in ms: editors write in pieces. Default 100. */
  readonly settleMs?: number;
}

/** Why a version of a file was refused: one line a problem, without values, so that a log may show them. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly issues: readonly string[];

  constructor(path: string, issues: readonly string[], options?: ErrorOptions) {
    super(
      `${path} is not usable: ${issues.join('; ')}; correct it, or remove it and run the setup again`,
      options,
    );
    this.issues = issues;
  }
}

/** Pause between an event and the look at the file: many events are one look. */
const EVENT_MS = 10;

/**
 * Reads `path` now, and again after each change. The directory is watched, because editors and ConfigMap mounts
 * replace the file; a poll of its status covers file systems that send no events.
 *
 * A later version is parsed on a thread of its own, so that the process answers meanwhile; the first one at once.
 *
 * @param check what the file says must pass it: throws a ZodError, or a RangeError whose message may be logged
 * @throws FileError when the first version is missing or not acceptable
 */
export function watchFile<T>(
  path: string,
  check: Check<T>,
  options: WatchFileOptions<T> = {},
): WatchedFile<T> {
  const { onChange, onError, maxBytes = 2 ** 20, pollMs = 1000, settleMs = 100 } = options;
  const first = stampOf(path);
  const { value: checked, ...read } = readChecked(path, check, maxBytes);
  let last: Buffer | undefined = read.bytes;
  let value = checked;
  let refused: string | undefined;

  const take = async (stamp: string): Promise<boolean> => {
    const before = last;
    last = undefined;
    try {
      const read = readBounded(path, maxBytes);
      last = read;
      if (before?.equals(read)) return true;
      const accepted = await readDocumentApart(read, check);
      if (versions.areOver()) return true;
      value = accepted;
    } catch (error) {
      const isFinal = isAboutText(error);
      if (!isFinal) last = undefined;
      if (refused !== stamp && !versions.areOver()) onError?.(fileErrorOf(path, error));
      refused = stamp;
      return isFinal;
    }
    refused = undefined;
    onChange?.(value);
    return true;
  };

  const versions = followVersions(path, take, { first, pollMs, settleMs });
  return { current: () => value, stop: versions.stop };
}

interface FollowOptions {
  /** The version that is taken already. */
  readonly first: string;
  readonly pollMs: number;
  readonly settleMs: number;
}

/** @param take called once for each version that has settled, and at each poll again until it answers true */
function followVersions(
  path: string,
  take: (stamp: string) => Promise<boolean>,
  { first, pollMs, settleMs }: FollowOptions,
) {
  let taken: string | undefined = first;
  let settling: string | undefined;
  let isTaking = false;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;

  const lookIn = (delayMs: number) => {
    if (isOver || isTaking) return;
    clearTimeout(timer);
    timer = setTimeout(look, delayMs).unref();
  };

  /** One step: unchanged → poll; changed since the last look → let it settle; settled → take it. */
  const look = () => {
    const stamp = stampOf(path);
    if (stamp !== taken && stamp === settling) return void takeNow(stamp);
    settling = stamp === taken ? undefined : stamp;
    lookIn(settling === undefined ? pollMs : settleMs);
  };

  const takeNow = async (stamp: string) => {
    settling = undefined;
    isTaking = true;
    const isDone = await take(stamp);
    isTaking = false;
    taken = isDone ? stamp : undefined;
    lookIn(isDone ? EVENT_MS : pollMs);
  };

  const watcher = watchDirectory(dirname(path), () => {
    if (settling === undefined) lookIn(EVENT_MS);
  });
  lookIn(pollMs);
  return {
    areOver: () => isOver,
    stop: () => {
      watcher?.close();
      clearTimeout(timer);
      isOver = true;
    },
  };
}

function readBounded(path: string, maxBytes: number): Buffer {
  try {
    return readRegularFileSync(path, { maxBytes });
  } catch (cause) {
    const issues = cause instanceof RangeError ? issuesOf(cause) : ['the file cannot be read'];
    throw new FileError(path, issues, { cause });
  }
}

/** Reads and checks a file once, at the start of a process. @throws FileError */
export function readChecked<T>(
  path: string,
  check: Check<T>,
  maxBytes: number,
): { readonly bytes: Buffer; readonly value: T } {
  const bytes = readBounded(path, maxBytes);
  try {
    return { bytes, value: readDocument(bytes, check) };
  } catch (cause) {
    throw fileErrorOf(path, cause);
  }
}

function fileErrorOf(path: string, cause: unknown): FileError {
  return cause instanceof FileError ? cause : new FileError(path, issuesOf(cause), { cause });
}

/** The text itself is wrong. Anything else may pass: too many open files, a thread that was lost. */
export function isAboutText(error: unknown): boolean {
  const cause = error instanceof FileError ? error.cause : error;
  return cause instanceof z.ZodError || (cause instanceof RangeError && !(cause instanceof UnfinishedError));
}

/** Says where and what, and never quotes the text: it may hold secrets. */
export function issuesOf(error: unknown): readonly string[] {
  if (error instanceof z.ZodError) return describeIssues(error);
  return [error instanceof RangeError ? error.message : 'not acceptable'];
}

/** Undefined where directories cannot be watched (limits of inotify): the poll alone is enough. */
function watchDirectory(dir: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = fsWatch(dir, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
