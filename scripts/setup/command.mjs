import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** Lines of output in an error. */
const TAIL_LINES = 12;
/** Between SIGTERM and SIGKILL of a process group. */
const GRACE_MS = 5000;

/** A command that did not succeed; `tail` holds its last lines. */
export class CommandError extends Error {
  /**
   * @param {string} message
   * @param {readonly string[]} tail
   */
  constructor(message, tail) {
    super(message);
    this.name = 'CommandError';
    this.tail = tail;
  }
}

/**
 * @typedef {object} CommandOptions
 * @property {string} cwd
 * @property {import('./guard.mjs').Guard} guard     ends the command if this process dies
 * @property {AbortSignal} signal                    ends the command
 * @property {number} timeoutMs                      the command is ended after that time
 * @property {Record<string, string | undefined>} [env]
 * @property {string} [logFile]                      gets everything that the command prints
 * @property {(line: string) => void} [onLine]
 * @property {boolean} [inherit]                     output goes straight to this program's own: no log, no lines
 */

/**
 * Runs a command in a process group of its own, without input, and returns its last lines of output.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 * @returns {Promise<readonly string[]>}
 * @throws {CommandError} when it cannot start, fails, takes too long or is stopped
 */
export async function runCommand(command, args, options) {
  options.signal.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: options.inherit ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) options.guard.add(pid);
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile);
  /** @type {string[]} */
  const tail = [];
  const onLine = (/** @type {string} */ line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    options.onLine?.(line);
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    eachLine(stream, onLine);
    if (log) stream.pipe(log, { end: false });
  }
  try {
    const failure = await ended(child, options);
    if (failure === undefined) return tail;
    throw new CommandError(`${command} ${args[0] ?? ''} ${failure}`, tail);
  } finally {
    log?.end();
    if (pid !== undefined) options.guard.remove(pid);
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {CommandOptions} options
 * @returns {Promise<string | undefined>} what went wrong
 */
function ended(child, { signal, timeoutMs }) {
  return new Promise((resolve) => {
    /** @type {string | undefined} */
    let reason;
    /** @type {NodeJS.Timeout | undefined} */
    let killer;
    const end = (/** @type {string} */ why) => {
      reason ??= why;
      signalGroup(child.pid, 'SIGTERM');
      killer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GRACE_MS);
    };
    const timer = setTimeout(() => end(`took longer than ${Math.round(timeoutMs / 1000)} s`), timeoutMs);
    const onAbort = () => end('was stopped');
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (/** @type {string | undefined} */ failure) => {
      clearTimeout(timer);
      clearTimeout(killer);
      signal.removeEventListener('abort', onAbort);
      resolve(reason ?? failure);
    };
    child.once('error', (error) => settle(`cannot start: ${error.message}`));
    child.once('close', (code, by) => {
      if (code === 0) settle(undefined);
      else settle(by ? `was ended by ${by}` : `failed with exit code ${code}`);
    });
  });
}

/**
 * Sends a signal to every process of a group. No effect on a group that has ended.
 *
 * @param {number | undefined} pid leader of the group
 * @param {NodeJS.Signals} signal
 */
export function signalGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // macOS answers EPERM for a group that has ended but is not reaped yet.
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/**
 * Calls back for each line; a carriage return ends a line too, as progress bars do it.
 *
 * @param {import('node:stream').Readable} stream
 * @param {(line: string) => void} onLine
 */
function eachLine(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (/** @type {string} */ chunk) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine(line.trimEnd());
  });
  stream.on('end', () => rest.trim() !== '' && onLine(rest.trimEnd()));
}
