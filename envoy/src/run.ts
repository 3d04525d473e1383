import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { createLogger, explainError, type Logger } from '@headgate/runtime/logger';
import { refuseUnready } from '@headgate/runtime/production/requirements';
import { letEnvoyFinish } from './drain.ts';
import { ENVOY_STOP_MS, envoyArguments, envoyEnvironment } from './process.ts';
import { writeEnvoyConfig } from './write.ts';

/**
 * Envoy as the process of a container: writes its configuration, starts it, and drains it on SIGTERM or SIGINT. A second
 * signal ends it at once. Ends with Envoy's exit code.
 */
async function main(env: NodeJS.ProcessEnv): Promise<number> {
  const root = resolve(env.HEADGATE_ROOT ?? process.cwd());
  const dir = env.HEADGATE_CONFIG_DIR ?? join(root, 'config');
  const config = loadConfig({ dir, environment: env.HEADGATE_ENV ?? 'dev', env });
  refuseUnready(config, root, 'envoy');
  const log = createLogger({ service: 'envoy', level: config.telemetry.log_level });
  const binary = env.HEADGATE_ENVOY ?? 'envoy';
  const child = spawn(binary, envoyArguments(config, writeEnvoyConfig(config, root)), {
    // Its own group: a Ctrl-C on the terminal must reach it through the drain.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...env, ...envoyEnvironment(readInternalSecret(config.listen, root)) },
  });
  const ended = exitCodeOf(child, binary);
  stopOnSignal(child, { config, root, log });
  return ended;
}

/** @throws ConfigError when Envoy cannot be started */
async function exitCodeOf(child: ChildProcess, binary: string): Promise<number> {
  const [code, signal] = await once(child, 'exit').catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`${binary}: ${cause.code}; name Envoy's program in HEADGATE_ENVOY`);
  });
  return code ?? 128 + constants.signals[signal as NodeJS.Signals];
}

interface Running {
  readonly config: Config;
  readonly root: string;
  readonly log: Logger;
}

function stopOnSignal(child: ChildProcess, { config, root, log }: Running): void {
  const hurry = new AbortController();
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'draining');
    const inProgress = await letEnvoyFinish(config, root, hurry.signal);
    if (inProgress !== 0) log.warn({ in_progress: inProgress }, 'ending before all requests are answered');
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), ENVOY_STOP_MS).unref();
  };
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) hurry.abort();
    else void stop(signal);
    stopping = true;
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
}

main(process.env).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const wrongSetup = error instanceof ConfigError;
    console.error(wrongSetup ? `envoy: ${error.message}` : explainError(error));
    process.exit(wrongSetup ? 2 : 1);
  },
);
