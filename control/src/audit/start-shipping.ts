import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import { createPolicy } from '@headgate/runtime/resilience/policy';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import type { Queryable } from '@headgate/stores/postgres/database';
import { concernsServer, guarded, isMissingTable, openPostgres } from '@headgate/stores/postgres/database';
import { type ShipperReport, startAuditShipper } from './ship/shipper.ts';
import { sqlAuditStore } from './store/audit-store.ts';
import { layOut } from './store/layout.ts';
import {
  type LogBegins,
  type StoredChain,
  type StoreFindings,
  storedChains,
  verifyDatabase,
} from './verify.ts';

/** Most records of one statement. */
const BATCH_RECORDS = 500;
/** A pod keeps its logs for as long as it ends: `terminationGracePeriodSeconds` leaves room for this. */
const FINISH_WITHIN_MS = 15_000;

interface ShippingSurroundings {
  readonly root: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Undefined where audit.store is postgres. */
  readonly embedded: Queryable | undefined;
  /** Receives reports of the policy for PostgreSQL. */
  readonly resilience: ResilienceReport;
  /** Logs each head that is stored: a copy of the heads outside of the database, for `audit verify --heads`. */
  readonly logsHeads?: boolean;
}

/** Brings audit logs into the store that the configuration names; undefined when it names none. */
export async function startAuditShipping(
  { audit, dependencies, routing_config_map }: Config,
  { root, logger, embedded, resilience, logsHeads = false }: ShippingSurroundings,
) {
  if (audit.sink === 'none' || audit.store === 'none') return undefined;
  const postgres =
    audit.store === 'postgres'
      ? await openPostgres({ url: audit.postgres_url, timeoutMs: dependencies.database.timeout_ms })
      : undefined;
  const policy = createPolicy({
    dependency: 'database',
    config: { ...POLICIES.database, ...dependencies.database },
    report: resilience,
    isFailure: concernsServer,
  });
  const db = postgres ? guarded(postgres, policy) : (embedded as Queryable);
  const store = once(async () => {
    const { owner } = await layOut(db);
    if (owner && postgres) {
      logger.warn(
        'the audit database is written by the owner of its tables, who could take its triggers away',
      );
    }
    return sqlAuditStore(db);
  });
  const headsFile = resolve(root, audit.heads_file);
  const intervalMs = Math.max(100, audit.anchor_interval_ms / 12);
  const shipper = startAuditShipper({
    dir: resolve(root, audit.dir),
    headsFile,
    openStore: store.get,
    batchRecords: BATCH_RECORDS,
    // An idle service opens no embedded database for the record of its start; a busy one has other work then.
    firstAfterMs: postgres ? intervalMs : Math.min(300_000, 5 * audit.anchor_interval_ms),
    // Nothing is new between two anchors: a twelfth of their distance is soon enough.
    intervalMs,
    report: reportTo(logger, { logsHeads, missing: store.forget }),
  });
  /**
   * Stores the rest of logs whose writers have ended. A statement in progress may take longer, and cannot be given up.
   *
   * @returns false when the time was not enough
   */
  const finish = () => Promise.race([shipper.finish(FINISH_WITHIN_MS), sleep(FINISH_WITHIN_MS, false)]);
  return {
    /** Has the tables of layout.ts once something was stored. */
    database: db,
    /** Verifies what is stored. */
    async verifyAudit(): Promise<StoreFindings> {
      const keepMs = audit.keep_days * DAY_MS;
      return verifyDatabase(await store.get(), { headsFile, keepMs, nowMs: Date.now() });
    },
    /** What the store confirms of the logs that begin there. */
    async confirmAudit(logs: LogBegins): Promise<{ readonly chains: readonly StoredChain[] }> {
      return { chains: await storedChains(await store.get(), logs) };
    },
    /** What is not stored stays in the logs for the next process; those of a pod go with it, and are stored first. */
    async stop() {
      await (routing_config_map === '' ? shipper.stop() : finish());
      await postgres?.close();
    },
    finish,
  };
}

/** The result of a call that succeeded; one that failed, or is forgotten, is made again. */
function once<T>(make: () => Promise<T>): { get(): Promise<T>; forget(): void } {
  let made: Promise<T> | undefined;
  const forget = () => {
    made = undefined;
  };
  const get = () => {
    made ??= make().catch((error) => {
      forget();
      throw error;
    });
    return made;
  };
  return { get, forget };
}

interface Reporting {
  readonly logsHeads: boolean;
  /** The tables are not there any more. */
  readonly missing: () => void;
}

/** Logs when shipping begins to fail and when it works again, not each attempt. */
function reportTo(logger: ShippingSurroundings['logger'], { logsHeads, missing }: Reporting): ShipperReport {
  let failing = false;
  return {
    anchored(heads) {
      if (!logsHeads) return;
      for (const { writer, seq, hash, atMs } of heads) {
        const head = { writer, seq, hash: Buffer.from(hash).toString('hex'), at_ms: atMs };
        logger.info(head, 'head of the audit log stored');
      }
    },
    stored() {
      if (failing) logger.info('audit records are stored again');
      failing = false;
    },
    fault: (writer, err) =>
      logger.error({ writer, err }, 'the audit log of a writer was changed; audit verify tells'),
    failed(err) {
      if (isMissingTable(err)) missing();
      if (!failing) logger.warn({ err }, 'audit records cannot be stored; they stay in the logs');
      failing = true;
    },
  };
}
