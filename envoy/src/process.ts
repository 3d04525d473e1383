import type { Config } from '@headgate/contracts/config/schema';
import { HEADER } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';

/** How Envoy is started: what a supervisor or a container entry point needs. */

/** Variable of Envoy's environment with the internal secret, which stands in none of its files. */
export const SECRET_VARIABLE = 'ENVOY_INTERNAL_SECRET';

/** Envoy ends at once after SIGTERM; one that has not is killed after this time, in ms. */
export const ENVOY_STOP_MS = 5000;

/** What Envoy's environment must have. */
export function envoyEnvironment(secret: InternalSecret | undefined): Readonly<Record<string, string>> {
  return secret ? { [SECRET_VARIABLE]: String(secret.header[HEADER.internalSecret]) } : {};
}

/** Arguments of the envoy binary. `configPath` is the file that holds the output of `renderEnvoy`. */
export function envoyArguments(config: Config, configPath: string): readonly string[] {
  return [
    ...['--config-path', configPath],
    ...['--concurrency', String(config.envoy.concurrency)],
    // One process, restarted by its supervisor: without it, two Envoys on a machine fight over shared memory.
    '--disable-hot-restart',
    ...['--drain-time-s', String(Math.ceil(config.gateway.drain.timeout_ms / 1000))],
    ...['--drain-strategy', 'immediate'],
    ...['--file-flush-interval-msec', '1000'],
    ...['--log-level', LOG_LEVEL[config.telemetry.log_level]],
    // The body limit logs an error per request that exceeds it; the access log has them all. At `debug` the router logs
    // all headers: keys of clients, and the internal secret.
    ...['--component-log-level', 'http:critical,router:error'],
  ];
}

const LOG_LEVEL = {
  trace: 'debug',
  debug: 'info',
  info: 'warning',
  warn: 'warning',
  error: 'error',
  silent: 'off',
} as const satisfies Record<Config['telemetry']['log_level'], string>;
