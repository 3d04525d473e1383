/** `npm run config -- --env production`: the merged configuration as YAML, secrets replaced. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, redact } from '@headgate/runtime/load-config';
import { stringify } from 'yaml';

const { env } = process;
const { values } = parseArgs({ options: { env: { type: 'string', default: env.HEADGATE_ENV ?? 'dev' } } });
const dir = env.HEADGATE_CONFIG_DIR ?? fileURLToPath(new URL('../config', import.meta.url));
try {
  process.stdout.write(stringify(redact(loadConfig({ dir, environment: values.env, env }))));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
