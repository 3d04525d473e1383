import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import {
  type KeyRecord,
  keyRecordSchema,
  ROLES,
  ROUTE_SCOPES,
  type RouteScope,
} from '@headgate/contracts/keys';
import { parseRouting } from '@headgate/contracts/routing';
import { keyName } from '@headgate/journal/audit/pseudonyms';
import { readDocument } from '@headgate/runtime/read-document';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { type KeyFile, keyFileOf, type Records, updateKeyFile } from './key-file.ts';
import { addList } from './list.ts';
import { instant, newKeyId, newSecret, parseDuration } from './secret.ts';

const DEFAULT_OVERLAP = '24h';

interface CreateOptions {
  readonly name: string;
  readonly role: KeyRecord['role'];
  readonly tier: string;
  readonly model?: string[];
  readonly route?: RouteScope[];
  /** ms */
  readonly expiresIn?: number;
}

interface RotateOptions {
  /** ms */
  readonly overlap: number;
  readonly dropPrevious?: boolean;
}

/** `headgate keys`: the API keys of the gateway, in the file that it reads. */
export function addKeys(program: Command, around: Surroundings): void {
  const keys = program
    .command('keys')
    .description('create, list, rotate and revoke API keys; a running gateway follows within a second')
    .option('--file <path>', 'key file (default: gateway.keys_file of the configuration)');
  for (const add of [addCreate, addList, addRotate, addRevoke]) add(keys, around);
}

function addCreate(keys: Command, around: Surroundings): void {
  keys
    .command('create')
    .description('make a key and show it, once')
    .requiredOption('--name <text>', 'whom it is for, 64 characters at most')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('client'))
    .option('--tier <name>', 'quotas: a tier under gateway.rate_limit.tiers', 'default')
    .option('--model <name...>', 'only these models (default: all)')
    .option(
      '--route <scope...>',
      `only these kinds of routes: ${ROUTE_SCOPES.join(', ')} (default: all)`,
      routes,
    )
    .option('--expires-in <duration>', 'such as 90d (default: never)', parseDuration)
    .action(async (options: CreateOptions, command: Command) => {
      const file = keyFileOf(command, around);
      requireTier(file.config, options.tier);
      const id = newKeyId();
      const { key, sha256 } = newSecret(id);
      const record = recordFrom(options, { id, sha256, nowMs: around.nowMs() });
      const { role, tier, not_after = null } = record;
      const change = { action: 'keys.create', detail: { key: keyName(id), role, tier } } as const;
      await audited(change, file, around, () => updateKeyFile(file, (all) => [...all, record]));
      warnOfUnknownModels(file, options.model ?? [], around);
      const until = not_after === null ? '' : `, valid until ${not_after}`;
      print(command, around, { id, key, not_after }, () => shownOnce(`key ${id}${until}`, key));
    });
}

function addRotate(keys: Command, around: Surroundings): void {
  keys
    .command('rotate')
    .argument('<id>', 'id of the key')
    .description(
      'give a key a new secret; id, quotas and variants stay, and the old secret works for a while',
    )
    .addOption(
      new Option('--overlap <duration>', 'how long the old secret works')
        .argParser(parseDuration)
        .default(parseDuration(DEFAULT_OVERLAP), DEFAULT_OVERLAP),
    )
    .option('--drop-previous', 'end the overlap of the rotation before, if it still lasts')
    .action(async (id: string, options: RotateOptions, command: Command) => {
      const file = keyFileOf(command, around);
      const { key, sha256 } = newSecret(id);
      let previous_not_after: string | null = null;
      const rotate = (record: KeyRecord) => {
        const next = rotated(record, sha256, options, around.nowMs());
        previous_not_after = next.previous?.not_after ?? null;
        return next;
      };
      const change = { action: 'keys.rotate', detail: { key: keyName(id) } } as const;
      await audited(change, file, around, () => updateKeyFile(file, changeOf(id, rotate)));
      const old = previous_not_after === null ? 'is refused now' : `works until ${previous_not_after}`;
      print(command, around, { id, key, previous_not_after }, () =>
        shownOnce(`key ${id} has a new secret; the old one ${old}`, key),
      );
    });
}

function addRevoke(keys: Command, around: Surroundings): void {
  keys
    .command('revoke')
    .argument('<id>', 'id of the key')
    .description('have a key refused, for good')
    .option('--previous', 'only the secret before the last rotation, ahead of its time')
    .action(async (id: string, { previous = false }: { previous?: boolean }, command: Command) => {
      const file = keyFileOf(command, around);
      const revoked = previous ? 'previous' : 'key';
      const revoke = previous ? withoutPrevious : () => undefined;
      const change = { action: 'keys.revoke', detail: { key: keyName(id), secret: revoked } } as const;
      await audited(change, file, around, () => updateKeyFile(file, changeOf(id, revoke), 'revokes'));
      const what = previous ? `the previous secret of key ${id}` : `key ${id}`;
      print(command, around, { id, revoked }, () => `${what} is revoked`);
    });
}

const shownOnce = (what: string, key: string) => `${what}. It is shown this once:\n  ${key}`;

/** Changes the record with this id, or removes it. @throws CliError not_found */
function changeOf(id: string, change: (record: KeyRecord) => KeyRecord | undefined) {
  return (records: Records): Records => {
    if (!records.some((one) => one.id === id)) {
      throw new CliError('not_found', `there is no key ${id}`, {
        remedy: 'headgate keys list shows the ids',
      });
    }
    return records.flatMap((one) => (one.id === id ? (change(one) ?? []) : one));
  };
}

/** Checked as the gateway will check it, so that nothing is written that it would refuse. */
function recordFrom(
  { name, role, tier, model, route, expiresIn }: CreateOptions,
  { id, sha256, nowMs }: { id: string; sha256: string; nowMs: number },
): KeyRecord {
  const result = keyRecordSchema.safeParse(
    {
      id,
      sha256,
      name,
      role,
      tier,
      ...((model ?? route) && {
        scopes: { ...(model && { models: model }), ...(route && { routes: route }) },
      }),
      created_at: instant(nowMs),
      ...(expiresIn !== undefined && { not_after: instant(nowMs + expiresIn) }),
    },
    IN_WORDS,
  );
  if (result.success) return result.data;
  throw new CliError('usage', describeIssues(result.error).join('; '), {
    remedy: 'correct the option of that name',
  });
}

/** The gateway takes an unknown tier for `default`, which somebody who misspells one would never notice. */
function requireTier({ gateway }: Config, tier: string): void {
  const tiers = Object.keys(gateway.rate_limit.tiers);
  if (tiers.includes(tier)) return;
  throw new CliError('usage', `there is no tier ${tier}`, {
    remedy: `choose one of ${tiers.join(', ')}, or add it to gateway.rate_limit.tiers`,
  });
}

/** A key may be made before its model is routed; a misspelt name would be noticed by its caller alone. */
function warnOfUnknownModels(
  { root, config }: KeyFile,
  models: readonly string[],
  around: Surroundings,
): void {
  const known = routedModels(resolve(root, config.routing_file));
  for (const model of models) {
    if (known?.includes(model) !== false) continue;
    const names = known.join(', ') || 'none';
    around.err(
      `warning: no model ${model} is in the routing table (it names: ${names}); this key can use none by that name\n`,
    );
  }
}

/** undefined where there is no readable table here, as on a machine that only manages keys. */
function routedModels(path: string): readonly string[] | undefined {
  try {
    return Object.keys(readDocument(readFileSync(path, 'utf8'), parseRouting).models);
  } catch {
    return undefined;
  }
}

function routes(value: string, before: RouteScope[] = []): RouteScope[] {
  const known = ROUTE_SCOPES.find((scope) => scope === value);
  if (known) return [...before, known];
  throw new InvalidArgumentError(`Expected one of ${ROUTE_SCOPES.join(', ')}.`);
}

function rotated(record: KeyRecord, sha256: string, options: RotateOptions, nowMs: number): KeyRecord {
  const { previous, ...rest } = record;
  if (record.not_after !== undefined && Date.parse(record.not_after) <= nowMs) {
    throw new CliError('conflict', `key ${record.id} expired at ${record.not_after}`, {
      remedy: 'create a new key; rotation does not prolong one',
    });
  }
  if (previous && Date.parse(previous.not_after) > nowMs && !options.dropPrevious) {
    throw new CliError('conflict', `the secret before the last rotation works until ${previous.not_after}`, {
      remedy: 'wait until then, or add --drop-previous if nobody uses it any more (headgate keys list tells)',
    });
  }
  if (options.overlap === 0) return { ...rest, sha256 };
  const not_after = instant(
    Math.min(nowMs + options.overlap, Date.parse(record.not_after ?? '9999-12-31T00:00:00Z')),
  );
  return { ...rest, sha256, previous: { sha256: record.sha256, not_after } };
}

function withoutPrevious({ previous, ...record }: KeyRecord): KeyRecord {
  if (previous) return record;
  throw new CliError('not_found', `key ${record.id} has no previous secret`, {
    remedy: 'leave --previous out to revoke the key itself',
  });
}
