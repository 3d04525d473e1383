import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RolloutActionName, RolloutStart } from '@headgate/contracts/admin/api';
import { IN_WORDS } from '@headgate/contracts/issues';
import { isActive, policySchema, type Rollout } from '@headgate/contracts/rollout';
import { type Experiment, modelRouting } from '@headgate/contracts/routing';
import { printableIn } from '@headgate/runtime/printable';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import type { Command } from 'commander';
import { type AdminApi, adminApiOf } from '../admin-api.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { follow, requireKept } from './follow.ts';
import { rolloutInWords, stateInWords } from './in-words.ts';

export interface FollowOption {
  readonly follow?: boolean;
}

export const FOLLOW = [
  '--follow',
  'print each transition with its evidence until the end; exit code 8 = rolled back',
] as const;

export const POLICY = [
  '--policy <name or file>',
  'name of a policy of the configuration, or a YAML file with one (default: default)',
] as const;

/** `headgate rollout`: a version gets traffic step by step, and loses it by itself where it is bad. */
export function addRollout(program: Command, around: Surroundings): void {
  const rollout = program
    .command('rollout')
    .description('roll a version out in steps that guardrails watch; promote, pause, resume or roll back');
  for (const add of [addStart, addStatus]) add(rollout, around);
  addAction(
    rollout,
    around,
    'promote',
    'end the step now; after the last one the candidate becomes the control',
  );
  addAction(rollout, around, 'pause', 'keep the weights as they are; guardrails still roll back');
  addAction(rollout, around, 'resume', 'go on with the step that was paused');
  addAction(rollout, around, 'rollback', 'take all units from the candidate, at once');
}

function addStart(rollout: Command, around: Surroundings): void {
  rollout
    .command('start')
    .argument('<model>', 'model of the routing table')
    .argument('<version>', 'version that is rolled out')
    .description('give a version its units step by step, beside the control')
    .option(...POLICY)
    .option(...FOLLOW)
    .action(
      async (
        model: string,
        version: string,
        options: FollowOption & { policy?: string },
        command: Command,
      ) => {
        const { policy } = options;
        const api = adminApiOf(command, around);
        const start: RolloutStart = {
          model,
          version,
          ...(policy !== undefined && { policy: policyOf(policy, around) }),
        };
        const started = await api.startRollout(start);
        if (options.follow) return requireKept(await follow(started, api, command, around));
        print(command, around, started, (one) => `rollout ${one.id} started; ${stateInWords(one)}`);
      },
    );
}

function addStatus(rollout: Command, around: Surroundings): void {
  rollout
    .command('status')
    .argument('[id or model]', 'a rollout, or the latest of a model (default: the latest of all)')
    .description('show a rollout: its state, what was measured, and what happened')
    .option(...FOLLOW)
    .action(async (which: string | undefined, options: FollowOption, command: Command) => {
      const api = adminApiOf(command, around);
      const found = await findRollout(api, which);
      if (options.follow) return requireKept(await follow(found, api, command, around));
      const inForce = isActive(found) ? undefined : await experimentOf(found, api);
      print(command, around, found, (one) => rolloutInWords(one, inForce && printableIn(inForce)));
    });
}

function addAction(rollout: Command, around: Surroundings, action: RolloutActionName, what: string): void {
  rollout
    .command(action)
    .argument('[id or model]', 'a rollout, or the one in progress of a model (default: the only one)')
    .description(what)
    .option('--why <text>', 'reason, for the timeline and the audit log; 500 characters at most')
    .action(async (which: string | undefined, { why }: { why?: string }, command: Command) => {
      const api = adminApiOf(command, around);
      const { id } = await findInProgress(api, which);
      const changed = await api.act(id, action, why);
      print(command, around, changed, (one) => `rollout ${one.id}: ${stateInWords(one)}`);
    });
}

async function experimentOf({ model }: Rollout, api: AdminApi): Promise<Experiment | undefined> {
  const { routing } = await api.routing();
  return modelRouting(routing, model)?.experiment;
}

/** By id, or the newest of a model, or the newest of all. @throws CliError not_found */
async function findRollout(api: AdminApi, which: string | undefined): Promise<Rollout> {
  const { rollouts } = await api.rollouts();
  const found =
    rollouts.find(({ id }) => id === which) ?? rollouts.find(({ model }) => model === (which ?? model));
  return found ?? notFound(which);
}

/** By id, or the one in progress of a model, or the only one in progress. @throws CliError not_found, usage */
async function findInProgress(api: AdminApi, which: string | undefined): Promise<Rollout> {
  const { rollouts } = await api.rollouts();
  const exact = rollouts.find(({ id }) => id === which);
  const active = rollouts.filter((one) => isActive(one) && one.model === (which ?? one.model));
  if (exact === undefined && active.length > 1) {
    throw new CliError('usage', 'more than one rollout is in progress', {
      remedy: `name one of ${active.map(({ id }) => id).join(', ')}`,
    });
  }
  return exact ?? active[0] ?? notFound(which, ' in progress');
}

function notFound(which: string | undefined, inProgress = ''): never {
  const of = which === undefined ? '' : ` of ${which}`;
  throw new CliError('not_found', `there is no rollout${of}${inProgress}`, {
    remedy: 'headgate rollout start MODEL VERSION starts one; headgate models shows the names',
  });
}

/** A name, or the policy of a file. @throws CliError usage when the file is no policy, not_found when it is not there */
export function policyOf(text: string, { cwd }: Surroundings): NonNullable<RolloutStart['policy']> {
  if (!/\.(ya?ml|json)$|\//.test(text)) return text;
  const path = resolve(cwd, text);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new CliError('not_found', `${path} cannot be read`, {
      remedy: 'name the file of the policy',
      cause,
    });
  }
  try {
    return readDocument(bytes, (document) => policySchema.parse(document, IN_WORDS));
  } catch (cause) {
    throw new CliError('usage', `${text} is no policy: ${issuesOf(cause).join('; ')}`, {
      remedy: 'docs/rollouts.md describes policies',
      cause,
    });
  }
}
