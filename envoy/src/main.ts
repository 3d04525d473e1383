import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { refuseUnready } from '@headgate/runtime/production/requirements';
import { renderEnvoy } from './render.ts';
import { writeEnvoyConfig } from './write.ts';

const USAGE = `usage: node envoy/src/main.ts [--env dev|staging|production] [--root DIR] [--write]
Prints Envoy's configuration. --write puts it and its secret files into <root>/state/envoy instead.`;

/** Command line: configuration in, JSON out. */
function main(): void {
  const { values } = parseArgs({
    options: {
      env: { type: 'string', default: process.env.HEADGATE_ENV ?? 'dev' },
      root: { type: 'string', default: process.env.HEADGATE_ROOT ?? process.cwd() },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const root = resolve(values.root);
  const dir = process.env.HEADGATE_CONFIG_DIR ?? join(root, 'config');
  const config = loadConfig({ dir, environment: values.env, env: process.env });
  if (!values.write) {
    process.stdout.write(renderEnvoy(config, { root }));
    return;
  }
  refuseUnready(config, root, 'envoy');
  console.log(writeEnvoyConfig(config, root));
}

try {
  main();
} catch (error) {
  const usageError = error instanceof TypeError && 'code' in error;
  console.error(
    error instanceof ConfigError ? error.message : usageError ? `${error.message}\n${USAGE}` : error,
  );
  process.exitCode = error instanceof ConfigError || usageError ? 2 : 1;
}
