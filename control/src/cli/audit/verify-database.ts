import { resolve } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { openPostgres } from '@headgate/stores/postgres/database';
import { z } from 'zod';
import { headsOutside } from '../../audit/heads-outside.ts';
import { sqlAuditStore } from '../../audit/store/audit-store.ts';
import { summaryOf, type VerifiedLog, verifiedLogSchema } from '../../audit/verified-log.ts';
import { verifyStore } from '../../audit/verify-store.ts';
import { CliError } from '../errors.ts';
import type { Installation, Surroundings } from '../surroundings.ts';

/** A database of years is read as a whole. */
const WITHIN_MS = 3_600_000;

const answerSchema = z.strictObject({ logs: z.array(verifiedLogSchema) });

export interface DatabaseToVerify {
  readonly installation: Installation;
  /** Overrides audit.heads_file. */
  readonly headsFile: string | undefined;
}

/** Verifies what is stored in PostgreSQL; the embedded database belongs to control, which is asked to do it. */
export async function verifyDatabase(
  { installation, headsFile }: DatabaseToVerify,
  around: Surroundings,
): Promise<VerifiedLog[]> {
  const { audit, listen } = installation.config;
  if (audit.store === 'none') {
    throw new CliError('usage', 'audit.store is none: nothing is stored', {
      remedy: 'leave --database out to verify the logs',
    });
  }
  if (audit.store === 'embedded') return askControl(portOf(listen.port_base, 'control'), around);
  const db = await openPostgres({ url: audit.postgres_url, timeoutMs: WITHIN_MS });
  try {
    const path = headsFile ?? resolve(installation.root, audit.heads_file);
    const heads = await headsOutside(path, around.nowMs());
    return (await verifyStore({ store: sqlAuditStore(db), heads })).map(summaryOf);
  } finally {
    await db.close();
  }
}

async function askControl(port: number, { fetch }: Surroundings): Promise<VerifiedLog[]> {
  const failed = (cause: unknown) =>
    new CliError('failed', `control does not answer on port ${port}`, {
      remedy: 'start the service: the embedded database lives in its process control',
      cause,
    });
  const signal = AbortSignal.timeout(WITHIN_MS);
  const response = await fetch(`http://127.0.0.1:${port}/internal/audit`, { signal }).catch((cause) => {
    throw failed(cause);
  });
  const answer = answerSchema.safeParse(response.ok ? await response.json() : undefined);
  if (!answer.success) throw failed(answer.error);
  return answer.data.logs;
}
