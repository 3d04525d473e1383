import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { countBuffersAsHeap } from '@headgate/runtime/buffers';
import { loadConfig } from '@headgate/runtime/load-config';
import { createLogger } from '@headgate/runtime/logger';
import { refuseUnready, warningsFor } from '@headgate/runtime/production/requirements';
import { exitOf } from './exit.ts';
import { startInference } from './inference.ts';

const { env } = process;
const root = resolve(env.HEADGATE_ROOT ?? '.');

async function main(): Promise<void> {
  countBuffersAsHeap();
  const config = loadConfig({
    dir: resolve(root, env.HEADGATE_CONFIG_DIR ?? 'config'),
    environment: env.HEADGATE_ENV ?? 'dev',
    env,
  });
  refuseUnready(config, root, 'inference');
  const log = createLogger({ service: 'inference', level: config.telemetry.log_level });
  for (const warning of warningsFor(config, 'inference')) log.warn(warning);
  const inference = await startInference({
    config,
    root,
    env,
    log,
    // The source runs as it is; the bundle lies beside that of the engine.
    engineEntry: new URL(
      import.meta.url.endsWith('.ts') ? './engine/child/main.ts' : './engine-child.js',
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
  const { code, text } = exitOf(error);
  process.stderr.write(`inference: ${text}\n`);
  process.exit(code);
}

main().catch(fail);
