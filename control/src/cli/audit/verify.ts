import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { internalAddress } from '@headgate/contracts/names';
import { openPostgres } from '@headgate/stores/postgres/database';
import type { Command } from 'commander';
import { z } from 'zod';
import { sqlAuditStore } from '../../audit/store/audit-store.ts';
import {
  headsOutside,
  summaryOf,
  type VerifiedLog,
  verifiedLogSchema,
  verifyLogs,
  verifyStore,
} from '../../audit/verify.ts';
import { askControl } from '../ask-control.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';

interface VerifyOptions {
  readonly dir?: string;
  readonly heads?: string;
  readonly database?: true;
}

/** A database of years is read as a whole. */
const WITHIN_MS = 3_600_000;

const answerSchema = z.strictObject({ logs: z.array(verifiedLogSchema) });

export function addVerify(audit: Command, around: Surroundings): void {
  audit
    .command('verify')
    .description('find records that were altered, removed, reordered or cut off; fails when there is one')
    .option('--dir <path>', 'holds a directory a writer (default: audit.dir of the configuration)')
    .option(
      '--heads <path>',
      'file of anchored heads, best a copy from elsewhere (default: audit.heads_file)',
    )
    .option('--database', 'verify what is stored in the database of audit.store instead')
    .action(async ({ dir, heads, database }: VerifyOptions, command: Command) => {
      const installation = installationOf(command, around);
      const { root, config } = installation;
      const headsFile = heads ? resolve(around.cwd, heads) : resolve(root, config.audit.heads_file);
      const logs = database
        ? await verifyDatabase(installation, headsFile, around)
        : await verifyFiles(dir ? resolve(around.cwd, dir) : resolve(root, config.audit.dir), headsFile);
      requireChains(logs, database ? 'the database' : 'the directory');
      print(command, around, { logs }, inWords);
    });
}

async function verifyFiles(dir: string, headsFile: string): Promise<VerifiedLog[]> {
  requireFile(dir, '--dir');
  requireFile(headsFile, '--heads');
  return (await verifyLogs({ dir, headsFile })).map(summaryOf);
}

/** Verifies what is stored in PostgreSQL; the embedded database belongs to control, which is asked to do it. */
async function verifyDatabase(
  { config: { audit, listen } }: Installation,
  headsFile: string,
  around: Surroundings,
): Promise<VerifiedLog[]> {
  if (audit.store === 'none') {
    throw new CliError('usage', 'audit.store is none: nothing is stored', {
      remedy: 'leave --database out to verify the logs',
    });
  }
  if (audit.store === 'embedded') {
    const url = `http://${internalAddress(listen, 'control')}/internal/audit`;
    return (await askControl({ url, answer: answerSchema, withinMs: WITHIN_MS }, around)).logs;
  }
  const db = await openPostgres({ url: audit.postgres_url, timeoutMs: WITHIN_MS });
  try {
    const heads = await headsOutside(headsFile, around.nowMs());
    return (await verifyStore(sqlAuditStore(db), heads)).map(summaryOf);
  } finally {
    await db.close();
  }
}

function requireFile(path: string, option: string): void {
  if (existsSync(path)) return;
  throw new CliError('not_found', `there is no ${path}`, {
    remedy: `name another one with ${option}. If it was here before, it was removed`,
  });
}

/** Names the first bad place of each log that has one. */
function requireChains(logs: readonly VerifiedLog[], place: string): void {
  if (logs.length === 0) {
    throw new CliError('not_found', `${place} holds no log`, { remedy: 'name another one with --dir' });
  }
  const faults = logs.flatMap(({ writer, fault }) =>
    fault ? [`${writer}: record ${fault.seq} is ${fault.kind}: ${fault.message}`] : [],
  );
  if (faults.length === 0) return;
  throw new CliError('failed', faults.join('; '), {
    remedy: 'keep everything as it is, and compare it with a copy; docs/audit.md says what each word means',
  });
}

function inWords({ logs }: { readonly logs: readonly VerifiedLog[] }): string {
  return logs
    .map(
      ({ writer, records, lost, anchors, last_seq }) =>
        `${writer}: ${records} records intact up to ${last_seq}, ${anchors} anchored, ${lost} lost when they happened`,
    )
    .join('\n');
}
