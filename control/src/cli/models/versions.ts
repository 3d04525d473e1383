import type { Command } from 'commander';
import { adminApiOf } from '../admin-api.ts';
import { round } from '../in-words.ts';
import { print } from '../print.ts';
import { follow, requireKept } from '../rollout/follow.ts';
import { stateInWords } from '../rollout/in-words.ts';
import { FOLLOW, type FollowOption, POLICY, policyOf } from '../rollout/rollout.ts';
import type { Surroundings } from '../surroundings.ts';

const WHY = ['--why <text>', 'reason, for the audit log; 500 characters at most'] as const;

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
