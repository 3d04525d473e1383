import { type DestinationStream, type Logger, pino, type SerializedError } from 'pino';
import { writeSoon } from './write-soon.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** Name of the process in every line: `gateway`, `inference`. */
  readonly service: string;
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream;
}

/** Keys whose values never reach a log, at any depth that is printed. */
const SECRET_KEYS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'cookie',
  'secret',
  'password',
  'token',
  'key',
]);
const CENSORED = '(secret)';

/** Deeper objects are not printed. */
const DEPTH = 5;

/** Lines wait for the writes of their process, or for a block of so many bytes: a write for each costs more than the line. */
const BLOCK_BYTES = 8192;

/**
 * JSON lines with an ISO timestamp and the level as a word. Lines about a request carry `request_id` and
 * `trace_id`; errors go under `err`, with their causes. What is still in the block is written at exit.
 */
export function createLogger({ service, level, destination = standardOutput() }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      depthLimit: DEPTH,
      formatters: { level: (label) => ({ level: label }), log: withoutSecrets },
      serializers: { err: described },
    },
    destination,
  );
}

/** What an error says. Its other fields hold what a library was given: an address with its password, a command. */
function described(error: Error): unknown {
  return shown(pino.stdSerializers.err(error));
}

function shown({ type, message, stack, code, aggregateErrors }: SerializedError): unknown {
  return { type, message, stack, code, aggregateErrors: aggregateErrors?.map(shown) };
}

/** The same as text, for a process that ends by it. */
export function explainError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, errors = [] } = error as Partial<AggregateError>;
  const causes = cause === undefined ? errors : [...errors, cause];
  return [error.stack, ...causes.map((one) => `caused by ${explainError(one)}`)].join('\n');
}

/** Tells which successes are logged: those of the same traces in every process. */
export function successSampler(ratio: number): (traceId: string | undefined) => boolean {
  return (traceId = '') => ratio >= 1 || Number.parseInt(traceId.slice(-8), 16) < ratio * 2 ** 32;
}

function standardOutput(): DestinationStream {
  const stream = pino.destination({ fd: 1, sync: true, minLength: BLOCK_BYTES });
  // Not flushSync, which syncs the disk too.
  const flush = () => stream.flush();
  process.once('exit', () => stream.flushSync());
  return {
    write(line) {
      stream.write(line);
      writeSoon(flush);
    },
  };
}

/**
 * The same fields with every secret censored; copies only what holds one. Written by hand because every request
 * logs: pino's own redaction of these keys takes ten times as long as the rest of the line.
 */
function withoutSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  return censor(fields, DEPTH) as Record<string, unknown>;
}

function censor(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error || depth < 0) return value;
  if (Array.isArray(value)) return value.map((element) => censor(element, depth - 1));
  let copy: Record<string, unknown> | undefined;
  for (const [key, child] of Object.entries(value)) {
    const shown = SECRET_KEYS.has(key) ? CENSORED : censor(child, depth - 1);
    if (shown !== child) copy = { ...(copy ?? value), [key]: shown };
  }
  return copy ?? value;
}
