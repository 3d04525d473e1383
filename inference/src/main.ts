import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { countBuffersAsHeap } from '@headgate/contracts/buffers';
import { ConfigError, loadConfig } from '@headgate/contracts/config/load';
import { createLogger } from '@headgate/contracts/telemetry/logger';
import { FileError } from '@headgate/contracts/watch-file';
import { startInference } from './inference.ts';
import { PortTakenError } from './listen.ts';
import { LoadError } from './load-error.ts';

/** Exit codes of the process contract. */
const EXIT = { failure: 1, configuration: 2, portTaken: 3 } as const;

const { env } = process;
const root = resolve(env.HEADGATE_ROOT ?? '.');

async function main(): Promise<void> {
  countBuffersAsHeap();
  const config = loadConfig({
    dir: resolve(root, env.HEADGATE_CONFIG_DIR ?? 'config'),
    environment: env.HEADGATE_ENV ?? 'dev',
    env,
  });
  const log = createLogger({ service: 'inference', level: config.telemetry.log_level });
  const inference = await startInference({
    config,
    root,
    env,
    log,
    // The source runs as it is; the bundle lies beside that of the engine.
    engineEntry: new URL(
      import.meta.url.endsWith('.ts') ? './engine/child.ts' : './engine-child.js',
      import.meta.url,
    ),
    cores: availableParallelism(),
  });
  const stop = (signal: string) => {
    log.info({ signal }, 'draining');
    inference.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.on('SIGUSR2', () => void inference.reloadModels());
}

function fail(error: unknown): never {
  const known = error instanceof ConfigError || error instanceof LoadError || error instanceof FileError;
  if (known || error instanceof PortTakenError) process.stderr.write(`inference: ${error.message}\n`);
  else process.stderr.write(`inference: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(known ? EXIT.configuration : error instanceof PortTakenError ? EXIT.portTaken : EXIT.failure);
}

main().catch(fail);
