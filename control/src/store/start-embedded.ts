import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { Logger } from '@headgate/runtime/logger';
import { type JudgedQuery, judgedImages } from '@headgate/stores/records/judged';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { embeddedDatabase } from './embedded-database.ts';

/**
 * The embedded database, and what control answers from it. Undefined where records and audit records go to PostgreSQL
 * or nowhere: then control keeps nothing on its disk, and may have replicas.
 */
export function startEmbedded(
  { records, audit, listen }: Config,
  root: string,
  logger: Pick<Logger, 'error'>,
) {
  const keepsAudit = audit.sink !== 'none' && audit.store === 'embedded';
  if (records.sink !== 'control' && !keepsAudit) return undefined;
  // Two stacks of one checkout differ in their port base; a store has one process.
  const dir = resolve(root, records.embedded_dir, String(listen.port_base));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const database = embeddedDatabase(dir);
  const sink = sqlSink({
    db: database,
    now: () => Date.now(),
    retentionDays: records.retention_days,
    expiryFailed: (err) => logger.error({ err }, 'records beyond their retention cannot be removed'),
  });
  const judged = (query: JudgedQuery) => judgedImages(database, query);
  return { database, sink, judged };
}
