import { renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { modelRouting, parseRouting, type Routing } from '@headgate/contracts/routing';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { readRegularFileSync } from '@headgate/runtime/read-file';
import type { Command } from 'commander';
import { adminApi } from '../admin-api.ts';
import { ControlAwayError } from '../ask-control.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { namedVersion, versionsIn } from './folder.ts';

const MAX_ROUTING_BYTES = 256 * 1024;

export function addRemove(models: Command, around: Surroundings): void {
  models
    .command('remove')
    .argument('<name/version>', 'version in the models folder')
    .description('delete a version from the models folder, unless the routing table names it')
    .option('--yes', 'do not ask; needed where nobody can answer')
    .action(async (name: string, { yes = false }: { yes?: boolean }, command: Command) => {
      const installation = installationOf(command, around);
      const { model, version } = namedVersion(name);
      if (version === undefined) {
        throw new CliError('usage', `${name} is a model, not one version`, { remedy: 'write NAME/VERSION' });
      }
      const dir = resolve(installation.root, installation.config.inference.models_dir);
      const folders = versionsIn(dir, { model, version }).map(({ folder }) => folder);
      const table = await routingOf(installation, around);
      if (modelRouting(table, model)?.versions.includes(version)) {
        throw new CliError('conflict', `the routing table names version ${version} of ${model}`, {
          remedy: `take it out of the table first (${installation.config.routing_file}, docs/operations.md), then remove it`,
        });
      }
      if (!yes) await askFirst(folders, around);
      for (const folder of folders) removeWhole(folder);
      print(command, around, { model, version, folders }, () => `${model}: version ${version} is removed`);
    });
}

/** The table of control; where that is away, the file. @throws CliError unchecked where nobody knows what is served */
async function routingOf(installation: Installation, around: Surroundings): Promise<Routing> {
  try {
    return (await adminApi(installation, around).routing()).routing;
  } catch (error) {
    if (!(error instanceof ControlAwayError)) throw error;
    const { routing_config_map: map, routing_file } = installation.config;
    if (map) {
      throw new CliError('unchecked', `${error.message}, and it alone knows the table in the ConfigMap`, {
        remedy: 'start the service, so that nothing is removed that it serves',
        cause: error,
      });
    }
    const path = resolve(installation.root, routing_file);
    try {
      return parseRouting(parseYaml(readRegularFileSync(path, { maxBytes: MAX_ROUTING_BYTES }).toString()));
    } catch (cause) {
      throw new CliError('unchecked', `${error.message}, and ${path} is no routing table that can be read`, {
        remedy: 'start the service, so that nothing is removed that it serves',
        cause,
      });
    }
  }
}

async function askFirst(folders: readonly string[], around: Surroundings): Promise<void> {
  if (!around.terminal.in) {
    throw new CliError('usage', 'nobody is here to confirm the removal', { remedy: 'add --yes' });
  }
  if (/^y(es)?$/i.test((await around.ask(`Delete ${folders.join(', ')}? [y/N] `)).trim())) return;
  throw new CliError('conflict', 'nothing was removed', { remedy: 'answer y to remove the version' });
}

/** Out of sight first: a version is there as a whole, or not at all. */
function removeWhole(folder: string): void {
  const hidden = join(dirname(folder), `.${basename(folder)}-removed-${process.pid}`);
  renameSync(folder, hidden);
  rmSync(hidden, { recursive: true });
}
