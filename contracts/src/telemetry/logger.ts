import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** Name of the process in every line: `gateway`, `inference`. */
  readonly service: string;
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream;
}

/** Keys whose values never reach a log, at the top of a line or one or two levels down. */
const SECRET_KEYS = ['authorization', 'x-api-key', 'cookie', 'secret', 'password', 'token', 'key'];
const SECRET_PATHS = SECRET_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]);

/**
 * JSON lines with an ISO timestamp and the level as a word. Lines about a request carry `request_id` and
 * `trace_id`; errors go under `err`, with their causes.
 */
export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: '(secret)' },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}
