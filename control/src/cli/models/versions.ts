import type { ModelsView, ModelView } from '@headgate/contracts/admin/api';
import { SERVING, stateOf, unregistered } from '@headgate/contracts/admin/version-words';
import type { Command } from 'commander';
import { adminApiOf } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { NONE, paragraphs, round, time } from '../in-words.ts';
import { print, table } from '../print.ts';
import { follow, requireKept } from '../rollout/follow.ts';
import { stateInWords } from '../rollout/in-words.ts';
import { FOLLOW, type FollowOption, POLICY, policyOf } from '../rollout/rollout.ts';
import type { Surroundings } from '../surroundings.ts';

const WHY = ['--why <text>', 'reason, for the audit log; 500 characters at most'] as const;

export function addList(models: Command, around: Surroundings): void {
  models
    .command('list')
    .argument('<model>', 'model of the routing table')
    .description('show the versions of a model: state in the registry, whether it serves, accuracy, data')
    .action(async (model: string, _: unknown, command: Command) => {
      const { registry, models: all } = await adminApiOf(command, around).models();
      const found = all.find((one) => one.model === model);
      if (!found) {
        throw new CliError('not_found', `the routing table has no model ${model}`, {
          remedy: 'headgate models shows the names',
        });
      }
      print(command, around, { registry, ...found }, inWords);
    });
}

export function addApprove(models: Command, around: Surroundings): void {
  models
    .command('approve')
    .argument('<model>', 'model of the routing table')
    .argument('<version>', 'version that has the alias candidate')
    .description('start the rollout of the candidate')
    .option(...POLICY)
    .option(...WHY)
    .option(...FOLLOW)
    .action(
      async (
        model: string,
        version: string,
        options: FollowOption & { policy?: string; why?: string },
        command: Command,
      ) => {
        const { policy, why } = options;
        const api = adminApiOf(command, around);
        const started = await api.approve(model, {
          version,
          ...(policy !== undefined && { policy: policyOf(policy, around) }),
          ...(why !== undefined && { why }),
        });
        if (options.follow) return requireKept(await follow(started, api, command, around));
        print(command, around, started, (one) => `approved; rollout ${one.id}: ${stateInWords(one)}`);
      },
    );
}

export function addReject(models: Command, around: Surroundings): void {
  models
    .command('reject')
    .argument('<model>', 'model of the routing table')
    .argument('<version>', 'version to reject')
    .description('take the aliases candidate and staging from a version')
    .requiredOption(...WHY)
    .action(async (model: string, version: string, { why }: { why: string }, command: Command) => {
      await adminApiOf(command, around).reject(model, { version, why });
      print(command, around, { model, version, why }, () => `${model}: version ${version} is rejected`);
    });
}

export function addRollback(models: Command, around: Surroundings): void {
  models
    .command('rollback')
    .argument('<model>', 'model of the routing table')
    .description(
      'give all units to the control before the last promotion; ends a rollout in progress instead',
    )
    .option('--to <version>', 'version that gets all units (default: the control before the last promotion)')
    .option(...WHY)
    .action(async (model: string, asked: { to?: string; why?: string }, command: Command) => {
      const done = await adminApiOf(command, around).rollBack(model, asked);
      const took = `${round(done.took_ms / 1000, 2)} s`;
      print(
        command,
        around,
        { model, ...done },
        ({ from, to }) =>
          `${model}: version ${to} gets all units, in place of version ${from}, after ${took}`,
      );
    });
}

function inWords({ registry, ...model }: Pick<ModelsView, 'registry'> & ModelView) {
  const { versions } = model;
  const rows = versions.map((one) => [
    one.version,
    stateOf(one),
    one.role === null ? NONE : SERVING[one.role],
    one.metrics.accuracy === undefined ? NONE : `${round(one.metrics.accuracy, 4)}`,
    one.data_version?.slice(0, 12) ?? NONE,
    one.role === null ? NONE : `${one.ready_pods} of ${one.pods} pods`,
    one.created_at_ms === null ? NONE : time(one.created_at_ms),
  ]);
  const head = ['VERSION', 'STATE', 'SERVING', 'ACCURACY', 'DATA', 'READY', 'REGISTERED'];
  const rejected = versions.flatMap(({ version, rejected: why }) =>
    why === null ? [] : [`version ${version} is rejected: ${why}`],
  );
  const problems = versions.flatMap(({ version, problem, content_differs: differs }) => [
    ...(problem === null ? [] : [`version ${version}: ${problem}`]),
    ...(differs ? [`version ${version}: inference serves another content than the registered one`] : []),
  ]);
  const adopt = unregistered(model, registry);
  const isOld = registry.state === 'unreachable' && registry.checked_at_ms !== null;
  const shown = isOld ? ` Its part of the list is of ${time(registry.checked_at_ms)}.` : '';
  const notes = [...rejected, ...problems, ...(adopt ? [`${adopt.text} ${adopt.command}`] : [])];
  return paragraphs(table(head, rows), notes.join('\n'), `${registry.detail}${shown}`);
}
