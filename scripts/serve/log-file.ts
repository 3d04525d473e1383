import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** A log that grew beyond this is moved to `<path>.1`, so a long run keeps at most twice as much per process. */
const MAX_BYTES = 64 * 1024 * 1024;
const CHECK_INTERVAL_MS = 10_000;
/** Bytes read for the last lines of a log. */
const TAIL_BYTES = 16 * 1024;

/**
 * Starts a new log; that of the run before becomes `<path>.1`. Children write into the file themselves, so that
 * their logs cost the supervisor nothing. They name clients, so other users of the machine cannot read them.
 */
export function startLog(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  chmodSync(dirname(path), 0o700);
  if (existsSync(path)) renameSync(path, `${path}.1`);
  closeSync(openSync(path, 'a', 0o600));
}

/** Keeps the logs bounded until `signal` aborts. */
export function boundLogs(specs: readonly { readonly logFile: string }[], signal: AbortSignal): void {
  const timer = setInterval(() => {
    for (const { logFile } of specs) boundLog(logFile, MAX_BYTES);
  }, CHECK_INTERVAL_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/**
 * Moves a log of more than `maxBytes` away: copied and truncated, as its writers keep the file open. They append,
 * so they go on at its new end.
 */
export function boundLog(path: string, maxBytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxBytes) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}

/** The last lines of a log, at most `count`. */
export function tailOf(path: string, count: number): string[] {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return [];
  const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
  } finally {
    closeSync(file);
  }
  return buffer.toString('utf8').trimEnd().split('\n').slice(-count);
}
