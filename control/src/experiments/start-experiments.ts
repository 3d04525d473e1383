import type { Config } from '@headgate/contracts/config/schema';
import { DAY_MS, systemClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import type { Queryable } from '@headgate/stores/postgres/database';
import type { LiveFigures } from '../figures/live-figures.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { openRecords } from '../store/open-records.ts';
import { type ReadRecords, readRecords } from '../store/read-records.ts';
import { createExperiments, type Experiments } from './experiments.ts';
import { watchExperiments } from './watch.ts';

export interface ExperimentsSurroundings {
  /** Undefined where control has no database of its own. */
  readonly embedded: Queryable | undefined;
  readonly routing: RoutingStore;
  readonly resilience: ResilienceReport;
  /** Whether this process leads, among those of a cluster. */
  readonly isLeader: () => boolean;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** What control reads from the store of records, and what it keeps there about experiments. */
export interface StartedExperiments {
  readonly experiments: Experiments;
  /** The store of records; undefined where they are kept nowhere. */
  readonly records: Queryable | undefined;
  readonly readRecords: ReadRecords;
  /** From now on each experiment with traffic is looked at once a minute. */
  watch(figures: LiveFigures): void;
  /** Waits for nothing that runs. */
  stop(): void;
}

export async function startExperiments(
  config: Config,
  { embedded, routing, resilience, isLeader, logger }: ExperimentsSurroundings,
): Promise<StartedExperiments> {
  const { db, close } = await openRecords(config, embedded, resilience);
  const read = readRecords(db);
  const experiments = createExperiments({
    readRecords: read,
    routing,
    retentionMs: config.records.retention_days * DAY_MS,
    now: systemClock.epochMs,
  });
  let watching: { stop(): void } | undefined;
  return {
    experiments,
    records: db,
    readRecords: read,
    watch(figures) {
      if (db) watching = watchExperiments({ experiments, routing, figures, isLeader, logger });
    },
    stop() {
      experiments.stop();
      watching?.stop();
      close();
    },
  };
}
