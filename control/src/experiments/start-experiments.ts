import type { AccuracyRow, AuditRow, RequestView } from '@headgate/contracts/admin/api';
import type { Config } from '@headgate/contracts/config/schema';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import type { Queryable } from '@headgate/stores/postgres/database';
import type { AccuracyQuery } from '@headgate/stores/records/accuracy';
import type { LiveFigures } from '../figures/live-figures.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { readRecords } from '../store/read-records.ts';
import { accuracyOf } from './accuracy.ts';
import { createExperiments, type Experiments } from './experiments.ts';
import { requestView } from './request-view.ts';
import { watchExperiments } from './watch.ts';

export interface ExperimentsSurroundings {
  /** The store of records; undefined where records are kept nowhere. */
  readonly db: Queryable | undefined;
  readonly routing: RoutingStore;
  readonly figures: LiveFigures;
  /** Audit records of a request since a time. */
  readonly auditOf: (requestId: string, fromMs: number) => Promise<readonly AuditRow[]>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** What control reads from the store of records, and what it keeps about experiments. */
export interface RecordsView {
  readonly experiments: Experiments;
  readonly accuracy: (query: AccuracyQuery) => Promise<readonly AccuracyRow[]>;
  readonly request: (id: string) => Promise<RequestView>;
  stop(): Promise<void>;
}

export function startExperiments({ records }: Config, around: ExperimentsSurroundings): RecordsView {
  const { db, routing, figures, logger } = around;
  const now = Date.now;
  const retentionMs = records.retention_days * DAY_MS;
  const read = readRecords(db);
  const experiments = createExperiments({ readRecords: read, routing, retentionMs, now });
  const watch = db && watchExperiments({ experiments, routing, figures, logger });
  const auditOf = (requestId: string, fromMs: number) => around.auditOf(requestId, fromMs).catch(() => []);
  return {
    experiments,
    accuracy: (query) => read((store) => accuracyOf(store, query)),
    request: (id) => read((store) => requestView({ db: store, auditOf, now }, id)),
    async stop() {
      experiments.stop();
      await watch?.stop();
    },
  };
}
