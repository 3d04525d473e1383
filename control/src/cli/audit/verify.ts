import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { internalAddress } from '@headgate/contracts/names';
import { DAY_MS } from '@headgate/runtime/clock';
import { openPostgres } from '@headgate/stores/postgres/database';
import type { Command } from 'commander';
import { z } from 'zod';
import { type AuditStore, sqlAuditStore } from '../../audit/store/audit-store.ts';
import {
  headsOutside,
  type LogBegins,
  type StoredChain,
  storedChainSchema,
  storedChains,
  summaryOf,
  type VerifiedLog,
  verifiedLogSchema,
  verifyStore,
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

const answerSchema = z.strictObject({ logs: z.array(verifiedLogSchema) });
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
        const logs = await verifyDatabase(installation, headsFileOf(options, installation, around), around);
        requireRecords(logs, 'the database');
        requireIntact(logs);
        return print(command, around, { logs }, (result) => result.logs.map(chainInWords).join('\n'));
      }
      const found = await verifyAll(options, installation, around);
      if (found.unchecked.length === 0) requireRecords(found.logs, 'the directory');
      print(command, around, found, ({ logs }) => logs.map(logInWords).join('\n'));
      requireIntact(found.logs);
      if (found.unchecked.length === 0) return;
      throw new CliError('unchecked', `could not be checked: ${found.unchecked.join('; ')}`, {
        remedy: 'nothing that was checked is wrong; make the rest reachable and verify again (docs/audit.md)',
      });
    });
}

function headsFileOf({ heads }: VerifyOptions, { root, config }: Installation, { cwd }: Surroundings): string {
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

const controlUrl = ({ config }: Installation) =>
  `http://${internalAddress(config.listen, 'control')}/internal/audit`;

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
  const question = { url: controlUrl(installation), answer: storedSchema, withinMs: WITHIN_MS };
  return (await askControl({ ...question, body: { logs } }, around)).chains;
}

async function withPostgres<T>(url: string, use: (store: AuditStore) => Promise<T>): Promise<T> {
  const db = await openPostgres({ url, timeoutMs: WITHIN_MS });
  return use(sqlAuditStore(db)).finally(() => db.close());
}

/** Verifies what is stored in PostgreSQL; the embedded database belongs to control, which is asked to do it. */
async function verifyDatabase(
  installation: Installation,
  headsFile: string,
  around: Surroundings,
): Promise<VerifiedLog[]> {
  const { audit } = installation.config;
  if (audit.store === 'none') {
    throw new CliError('usage', 'audit.store is none: nothing is stored', {
      remedy: 'leave --database out to verify the logs',
    });
  }
  if (audit.store === 'embedded') {
    const question = { url: controlUrl(installation), answer: answerSchema, withinMs: WITHIN_MS };
    return (await askControl(question, around).catch(throwUnchecked)).logs;
  }
  const heads = await headsOutside(headsFile, around.nowMs());
  const verify = async (store: AuditStore) => (await verifyStore(store, heads)).map(summaryOf);
  return withPostgres(audit.postgres_url, verify).catch(throwUnchecked);
}

/** A store that does not answer is no sign of a removal. */
function throwUnchecked(cause: unknown): never {
  throw new CliError('unchecked', `the store was not asked: ${(cause as Error).message}`, {
    remedy: cause instanceof CliError ? cause.remedy : 'make the database reachable and verify again',
    cause,
  });
}

function requireRecords(logs: readonly VerifiedLog[], place: string): void {
  if (logs.length > 0) return;
  throw new CliError('not_found', `${place} holds no log`, { remedy: 'name another one with --dir' });
}

/** Names the first bad place of each log that has one. */
function requireIntact(logs: readonly VerifiedLog[]): void {
  const faults = logs.flatMap(({ writer, fault }) =>
    fault ? [`${writer}: record ${fault.seq} is ${fault.kind}: ${fault.message}`] : [],
  );
  if (faults.length === 0) return;
  throw new CliError('failed', faults.join('; '), {
    remedy: 'keep everything as it is, and compare it with a copy; docs/audit.md says what each word means',
  });
}

const chainInWords = ({ writer, records, lost, anchors, last_seq }: VerifiedLog) =>
  `${writer}: ${records} records intact up to ${last_seq}, ${anchors} anchored, ${lost} lost when they happened`;

function logInWords(log: LogReport): string {
  const parts = [chainInWords(log)];
  if (log.stored !== null) parts.push(`${log.stored} in the store`);
  if (log.removed > 0) parts.push(`1 to ${log.removed} removed from the log`);
  if (log.unconfirmed > 0) parts.push(`${log.unconfirmed} since ${log.unconfirmed_since} not confirmed yet`);
  return parts.join(', ');
}
