import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '@headgate/contracts/config/load';
import { renderEnvoy, renderSds } from './render.ts';

const USAGE = `usage: node envoy/src/main.ts [--env dev|staging|production] [--root DIR] [--write]
Prints Envoy's configuration. --write puts it and its secret files into <root>/state/envoy instead.`;

/** Command line: configuration in, YAML out. */
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
  const yaml = renderEnvoy(config, { root });
  if (!values.write) {
    process.stdout.write(yaml);
    return;
  }
  const path = join(root, 'state', 'envoy', 'envoy.yaml');
  for (const file of [...renderSds(config, { root }), { path, text: yaml }]) writeAtomically(file);
  console.log(path);
}

/** Envoy reads a secret file as soon as it appears: it must never see half of it. */
function writeAtomically({ path, text }: { readonly path: string; readonly text: string }): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
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
