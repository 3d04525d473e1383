import { resolve } from 'node:path';
import type { DependencyView } from '@headgate/contracts/admin/api';
import { systemClock } from '@headgate/runtime/clock';
import { ConfigError } from '@headgate/runtime/load-config';
import type { Command } from 'commander';
import { checksOf } from '../../api/dependencies/checks.ts';
import { Dependencies } from '../../api/dependencies/dependencies.ts';
import { scrapesOf } from '../../cluster/scrapes-of.ts';
import { fileSource } from '../../routing/file-source.ts';
import { SourcedRouting } from '../../routing/routing-store.ts';
import { adminApi } from '../admin-api.ts';
import { ControlAwayError } from '../ask-control.ts';
import { CliError } from '../errors.ts';
import { problemsIn, requireNone } from '../health.ts';
import { print } from '../print.ts';
import { dependencyInWords } from '../status.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { type Finding, internalSecret, listeners, nodeVersion } from './checks.ts';

/** `headgate doctor`: what is wrong, and what to do about it; also where nothing runs. */
export function addDoctor(program: Command, around: Surroundings): void {
  program
    .command('doctor')
    .description('check this machine and each dependency, and say what to do')
    .action(async (_: unknown, command: Command) => {
      const found = await examine(command, around);
      print(command, around, { dependencies: found }, ({ dependencies }) =>
        dependencies.map(dependencyInWords).join('\n'),
      );
      requireNone(problemsIn(found), 'do what the list says, from its top');
    });
}

/** Causes come before what they break. */
async function examine(command: Command, around: Surroundings): Promise<Finding[]> {
  const node = nodeVersion(process.versions.node);
  const installation = configured(command, around);
  if ('state' in installation) return [node, installation];
  const { root, config } = installation;
  const detail = `environment ${config.environment}, in ${root}`;
  return [
    node,
    { name: 'configuration', state: 'ok', detail, remedy: '' },
    internalSecret(installation),
    await listeners(installation),
    ...(await dependencies(installation, around)),
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

/** As control sees them; without control, as this process does. */
async function dependencies(installation: Installation, around: Surroundings): Promise<Finding[]> {
  try {
    const { dependencies } = await adminApi(installation, around).dependencies();
    return [{ name: 'control', state: 'ok', detail: 'answers', remedy: '' }, ...untimed(dependencies)];
  } catch (thrown) {
    if (!(thrown instanceof CliError || thrown instanceof ConfigError)) throw thrown;
    const control: Finding = { name: 'control', state: 'down', ...whyNot(thrown, installation) };
    return [control, ...(await seenFromHere(installation))];
  }
}

function whyNot(
  thrown: CliError | ConfigError,
  { config }: Installation,
): Pick<Finding, 'detail' | 'remedy'> {
  const detail = thrown.message.replace(/^control /, '');
  if (!(thrown instanceof CliError)) return { detail, remedy: 'correct it as listed' };
  if (!(thrown instanceof ControlAwayError) || thrown.hangs) return { detail, remedy: thrown.remedy };
  const log = `state/logs/${config.listen.port_base}/control.log`;
  return { detail, remedy: `${log} says why; npm start starts control again` };
}

/** The checks of control, without its stores. */
async function seenFromHere({ root, config }: Installation): Promise<Finding[]> {
  const routing = new SourcedRouting(fileSource(resolve(root, config.routing_file)));
  const failure = await routing.refresh().then(
    () => undefined,
    (error: unknown) => error,
  );
  const current = () => {
    if (failure !== undefined) throw failure;
    return routing.current();
  };
  const checks = checksOf(config, {
    ...scrapesOf(config),
    ...{ root, routing: { current }, records: undefined, audit: undefined, registry: undefined },
  });
  // A ConfigMap is read by control alone.
  const own = checks.filter(({ name }) => config.routing_config_map === '' || name !== 'routing table');
  return untimed(await new Dependencies({ checks: own, clock: systemClock }).all());
}

const untimed = (found: readonly DependencyView[]): Finding[] =>
  found.map(({ checked_at_ms: _, ...finding }) => finding);
