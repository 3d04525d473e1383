import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DAY_MS } from '@headgate/runtime/clock';
import { ConfigError } from '@headgate/runtime/load-config';
import { openPostgres, type Queryable } from '@headgate/stores/postgres/database';
import type { Command } from 'commander';
import { z } from 'zod';
import { type AuditStore, sqlAuditStore } from '../../audit/store/audit-store.ts';
import {
  type LogBegins,
  type StoredChain,
  type StoreFindings,
  StoreNotAskedError,
  storedChainSchema,
  storedChains,
  storeFindingsSchema,
  type VerifiedLog,
  verifyDatabase,
} from '../../audit/verify.ts';
import { type LogReport, verifyLogs } from '../../audit/verify-logs.ts';
import { askControl } from '../ask-control.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';

interface VerifyOptions {
  readonly dir?: string;
  readonly heads?: string;
  readonly writer?: readonly string[];
  readonly database?: true;
}

/** A database of years is read as a whole. */
const WITHIN_MS = 3_600_000;

const storedSchema = z.strictObject({ chains: z.array(storedChainSchema) });

export function addVerify(audit: Command, around: Surroundings): void {
  audit
    .command('verify')
    .description(
      'compare logs, heads and store; fails where records were altered, removed, reordered or cut off (1), or could not be checked (3)',
    )
    .option('--dir <path>', 'holds a directory a writer (default: audit.dir of the configuration)')
    .option('--heads <path>', 'copy of the heads that was kept elsewhere (default: audit.heads_file)')
    .option('--writer <names...>', 'verify these writers only, where machines share a store')
    .option('--database', 'verify only what is stored in the database of audit.store')
    .action(async (options: VerifyOptions, command: Command) => {
      const installation = installationOf(command, around);
      if (options.database) {
        const found = await verifyStored(headsFileOf(options, installation, around), installation, around);
        print(command, around, found, ({ logs }) => logs.map(chainInWords).join('\n'));
        return requireIntact(found, 'the database');
      }
      const found = await verifyAll(options, installation, around);
      print(command, around, found, ({ logs }) => logs.map(logInWords).join('\n'));
      requireIntact(found, 'the directory');
    });
}

function headsFileOf(
  { heads }: VerifyOptions,
  { root, config }: Installation,
  { cwd }: Surroundings,
): string {
  if (heads === undefined) return resolve(root, config.audit.heads_file);
  const path = resolve(cwd, heads);
  if (existsSync(path)) return path;
  throw new CliError('not_found', `there is no ${path}`, { remedy: 'name another copy with --heads' });
}

function verifyAll(options: VerifyOptions, installation: Installation, around: Surroundings) {
  const { audit } = installation.config;
  const askStore = (logs: LogBegins) => storedFor(logs, installation, around);
  return verifyLogs({
    dir: options.dir ? resolve(around.cwd, options.dir) : resolve(installation.root, audit.dir),
    headsFile: headsFileOf(options, installation, around),
    headsAreCopy: options.heads !== undefined,
    askStore: audit.store === 'none' ? undefined : askStore,
    storeIsShared: audit.store === 'postgres',
    only: options.writer,
    keepMs: audit.keep_days * DAY_MS,
    maxBytes: audit.max_bytes,
    nowMs: around.nowMs,
  });
}

/** Where control answers about its store. */
const asked = { path: '/internal/audit', withinMs: WITHIN_MS } as const;

/** What the store confirms; the embedded database belongs to control, which is asked. */
async function storedFor(
  logs: LogBegins,
  installation: Installation,
  around: Surroundings,
): Promise<readonly StoredChain[]> {
  const { audit } = installation.config;
  if (audit.store === 'postgres') {
    return withPostgres(audit.postgres_url, (store) => storedChains(store, logs));
  }
  const question = { ...asked, answer: storedSchema, body: { logs } };
  return (await askControl(question, installation, around).catch(notAsked)).chains;
}

async function withPostgres<T>(url: string, use: (store: AuditStore) => Promise<T>): Promise<T> {
  const db = await openPostgres({ url, timeoutMs: WITHIN_MS }).catch(notAsked);
  const failed = (error: Error): never => {
    throw new StoreNotAskedError(error);
  };
  const asked: Queryable = {
    query: (sql, values) => db.query(sql, values).catch(failed),
    script: (sql) => db.script(sql).catch(failed),
  };
  return use(sqlAuditStore(asked)).finally(() => db.close());
}

function notAsked(error: unknown): never {
  const isOurs = error instanceof CliError || error instanceof ConfigError;
  throw isOurs ? new StoreNotAskedError(error) : error;
}

/** Verifies what is stored in PostgreSQL; the embedded database belongs to control, which is asked to do it. */
async function verifyStored(
  headsFile: string,
  installation: Installation,
  around: Surroundings,
): Promise<StoreFindings> {
  const { audit } = installation.config;
  if (audit.store === 'none') {
    throw new CliError('usage', 'audit.store is none: nothing is stored', {
      remedy: 'leave --database out to verify the logs',
    });
  }
  const question = { ...asked, answer: storeFindingsSchema };
  const keepMs = audit.keep_days * DAY_MS;
  const verify = (store: AuditStore) => verifyDatabase(store, { headsFile, keepMs, nowMs: around.nowMs() });
  const found =
    audit.store === 'postgres'
      ? withPostgres(audit.postgres_url, verify)
      : askControl(question, installation, around).catch(notAsked);
  return found.catch((error: unknown) => {
    if (error instanceof StoreNotAskedError) return { logs: [], unchecked: [error.message] };
    throw error;
  });
}

/** Names the first bad place of each log that has one, and all that could not be checked. */
function requireIntact(
  { logs, unchecked }: { readonly logs: readonly VerifiedLog[]; readonly unchecked: readonly string[] },
  place: string,
): void {
  const faults = logs.flatMap(({ writer, fault }) =>
    fault ? [`${writer}: record ${fault.seq} is ${fault.kind}: ${fault.message}`] : [],
  );
  const open = unchecked.length > 0 ? [`could not be checked: ${unchecked.join('; ')}`] : [];
  if (faults.length > 0) {
    throw new CliError('failed', [...faults, ...open].join('; '), {
      remedy: 'keep everything as it is, and compare it with a copy; docs/audit.md says what each word means',
    });
  }
  if (open[0]) {
    throw new CliError('unchecked', open[0], {
      remedy: 'nothing that was checked is wrong; docs/audit.md says how each of these is checked',
    });
  }
  if (logs.length > 0) return;
  throw new CliError('not_found', `${place} holds no log`, { remedy: 'name another one with --dir' });
}

const chainInWords = ({ writer, records, lost, anchors, last_seq }: VerifiedLog) =>
  `${writer}: ${records} records intact up to ${last_seq}, ${anchors} anchored, ${lost} lost when they happened`;

function logInWords(log: LogReport): string {
  const parts = [chainInWords(log)];
  if (log.stored !== null)
    parts.push(`${log.stored} in the store${log.stored_until ? ` until ${log.stored_until}` : ''}`);
  if (log.removed > 0) parts.push(`1 to ${log.removed} removed from the log`);
  if (log.unconfirmed > 0) parts.push(`${log.unconfirmed} since ${log.unconfirmed_since} not confirmed yet`);
  return parts.join(', ');
}
