import type { DependencyView } from '@headgate/contracts/admin/api';
import { ConfigError } from '@headgate/runtime/load-config';
import type { Command } from 'commander';
import { adminApi } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { dependencyInWords } from '../status.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { diskSpace, type Finding, internalSecret, listeners, nodeVersion, routingFile } from './checks.ts';

/** It has what it saw of its dependencies at hand: one that takes longer hangs. */
const CONTROL_WITHIN_MS = 5000;

/** `headgate doctor`: what is wrong, and what to do about it; also where nothing runs. */
export function addDoctor(program: Command, around: Surroundings): void {
  program
    .command('doctor')
    .description(
      'check this machine and each dependency, and say what to do; exit code 7 where something is down',
    )
    .action(async (_: unknown, command: Command) => {
      const found = await examine(command, around);
      print(command, around, { dependencies: found }, ({ dependencies }) =>
        dependencies.map(dependencyInWords).join('\n'),
      );
      const down = found.filter(({ state }) => state === 'down').map(({ name }) => name);
      if (down.length === 0) return;
      throw new CliError('down', `${down.join(', ')}: down`, {
        remedy: 'do what the list says, from its top',
      });
    });
}

/** Causes come before what they break. */
async function examine(command: Command, around: Surroundings): Promise<Finding[]> {
  const node = nodeVersion(process.versions.node);
  const installation = configured(command, around);
  if ('state' in installation) return [node, installation];
  const { root, config } = installation;
  return [
    node,
    {
      name: 'configuration',
      state: 'ok',
      detail: `environment ${config.environment}, in ${root}`,
      remedy: '',
    },
    internalSecret(installation),
    routingFile(installation),
    await diskSpace(installation),
    await listeners(installation),
    ...(await ofControl(installation, around)),
  ];
}

function configured(command: Command, around: Surroundings): Installation | Finding {
  try {
    return installationOf(command, around);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError || thrown instanceof CliError)) throw thrown;
    const remedy = thrown instanceof CliError ? thrown.remedy : 'correct it as listed';
    const [what, ...problems] = thrown.message.split(/\n\s*/);
    const detail = [what, problems.join('; ')].filter(Boolean).join(' ');
    return { name: 'configuration', state: 'down', detail, remedy };
  }
}

/** What control sees: stores, models, gateways. */
async function ofControl(installation: Installation, around: Surroundings): Promise<Finding[]> {
  try {
    const { dependencies } = await adminApi(installation, around, CONTROL_WITHIN_MS).dependencies();
    const own = { name: 'control', state: 'ok', detail: 'answers', remedy: '' } as const;
    return [own, ...dependencies.map(({ checked_at_ms: _, ...finding }: DependencyView) => finding)];
  } catch (thrown) {
    if (!(thrown instanceof CliError || thrown instanceof ConfigError)) throw thrown;
    const remedy = thrown instanceof CliError ? thrown.remedy : 'correct it as listed';
    return [{ name: 'control', state: 'down', detail: thrown.message, remedy }];
  }
}
