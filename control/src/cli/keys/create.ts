import type { Config } from '@headgate/contracts/config/schema';
import {
  type KeyRecord,
  keyRecordSchema,
  ROLES,
  ROUTE_SCOPES,
  type RouteScope,
} from '@headgate/contracts/keys';
import { describeIssues } from '@headgate/contracts/routing';
import { keyName } from '@headgate/journal/audit/pseudonyms';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { instant, parseDuration } from './duration.ts';
import { keyFileOf, updateKeyFile } from './key-file.ts';
import { newKeyId, newSecret } from './secret.ts';

interface CreateOptions {
  readonly name: string;
  readonly role: KeyRecord['role'];
  readonly tier: string;
  readonly model?: string[];
  readonly route?: RouteScope[];
  /** ms */
  readonly expiresIn?: number;
}

/** What is shown, once. */
interface CreatedKey {
  readonly id: string;
  readonly key: string;
  readonly not_after: string | null;
}

export function addCreate(keys: Command, around: Surroundings): void {
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
      const { path, ...installation } = keyFileOf(command, around);
      requireTier(installation.config, options.tier);
      const id = newKeyId();
      const { key, sha256 } = newSecret(id);
      const record = recordFrom(options, { id, sha256, nowMs: around.nowMs() });
      const { role, tier } = record;
      const detail = { key: keyName(id), role, tier };
      await audited({ action: 'keys.create', detail }, installation, around, () =>
        updateKeyFile(path, (records) => [...records, record]),
      );
      print<CreatedKey>(command, around, { id, key, not_after: record.not_after ?? null }, inWords);
    });
}

function inWords({ id, key, not_after }: CreatedKey): string {
  return [
    `key ${id}${not_after === null ? '' : `, valid until ${not_after}`}. It is shown this once:`,
    `  ${key}`,
  ].join('\n');
}

/** Checked as the gateway will check it, so that nothing is written that it would refuse. */
function recordFrom(
  { name, role, tier, model, route, expiresIn }: CreateOptions,
  { id, sha256, nowMs }: { id: string; sha256: string; nowMs: number },
): KeyRecord {
  const result = keyRecordSchema.safeParse({
    id,
    sha256,
    name,
    role,
    tier,
    ...((model ?? route) && { scopes: { ...(model && { models: model }), ...(route && { routes: route }) } }),
    created_at: instant(nowMs),
    ...(expiresIn !== undefined && { not_after: instant(nowMs + expiresIn) }),
  });
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

function routes(value: string, before: RouteScope[] = []): RouteScope[] {
  const known = ROUTE_SCOPES.find((scope) => scope === value);
  if (known) return [...before, known];
  throw new InvalidArgumentError(`Expected one of ${ROUTE_SCOPES.join(', ')}.`);
}
