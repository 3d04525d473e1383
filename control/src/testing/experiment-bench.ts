import type { ExperimentReport, Metric } from '@headgate/contracts/admin/api';
import type { PredictionRecord, StoredRecord } from '@headgate/contracts/records';
import type { Routing } from '@headgate/contracts/routing';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { idAt, NOW_MS, predictionOf } from '@headgate/stores/testing/records';
import { createExperiments, type Experiments } from '../experiments/experiments.ts';
import type { RoutingSnapshot } from '../routing/routing-store.ts';
import { type ReadRecords, readRecords } from '../store/read-records.ts';

const signal = new AbortController().signal;
const EMPTY = [
  'DELETE FROM predictions',
  'DELETE FROM outcomes',
  'DELETE FROM experiment_epochs',
  'DELETE FROM experiment_looks',
] as const;
export const HOUR_MS = 3_600_000;
/** When the experiment began. */
export const START_MS = NOW_MS - 6 * HOUR_MS;

/** Percent by variant; the version of each is its name. */
export type Weights = Readonly<Record<string, number>>;

/** A routing table that a test changes. */
export function fakeRouting(weights: Weights) {
  const listeners = new Set<(snapshot: RoutingSnapshot) => void>();
  const snapshotOf = (of: Weights, changedAtMs: number, name = 'exp'): RoutingSnapshot => {
    const variants = Object.entries(of).map(([variant, weight]) => ({
      name: variant,
      version: variant,
      weight,
    }));
    const experiment = { name, salt: 'salt', variants };
    const net = { versions: Object.keys(of), experiment };
    const routing: Routing = { schema: 1, default_model: 'net', models: { net }, shadows: {} } as never;
    const inForce = { revision: String(changedAtMs), changedAtMs, changedBy: null };
    return { ...inForce, inForce, routing, refused: [], source: 'file' };
  };
  let snapshot = snapshotOf(weights, START_MS);
  return {
    current: () => snapshot,
    onChange: (listener: (snapshot: RoutingSnapshot) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change(of: Weights, changedAtMs: number, name?: string) {
      snapshot = snapshotOf(of, changedAtMs, name);
      for (const listener of listeners) listener(snapshot);
    },
  };
}

/** Numbers in [0, 1) that look random and are the same in each run (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const unitName = (n: number) => n.toString(16).padStart(32, '0');

let serial = 0;

/** A prediction of a unit, at a time after the start; each has an id of its own. */
export const made = (
  unit: number,
  variant: string,
  changes: Partial<PredictionRecord> & { afterMs?: number } = {},
) => {
  const { afterMs = HOUR_MS, ...rest } = changes;
  serial += 1;
  return predictionOf({
    id: idAt(Math.floor(START_MS + afterMs), serial),
    unit: unitName(unit),
    variant,
    assigned_variant: variant,
    version: variant,
    sketch: null,
    ...rest,
  });
};
/** One metric of a treatment. */
export const comparisonOf = ({ metrics }: ExperimentReport, metric: Metric, variant = 'int8') => {
  const found = metrics.find((one) => one.metric === metric);
  const comparison = found?.comparisons.find((one) => one.variant === variant);
  if (!found || !comparison) throw new Error(`no ${metric} of ${variant}`);
  return { ...comparison, control: found.control };
};

/** Delivers into a store whose clock stands at NOW_MS. */
export const deliverTo = (db: Queryable, records: readonly StoredRecord[]) =>
  sqlSink({ db, retentionDays: 90, now: () => NOW_MS }).deliver(records, signal);

/** Makes the tables where they are missing, and removes what is in them. */
export async function emptyExperiments(db: Queryable): Promise<void> {
  await deliverTo(db, []);
  for (const statement of EMPTY) await db.query(statement, []);
}

/** Experiments on a store, by a routing table that a test changes. */
export interface ExperimentBench {
  readonly open: () => Queryable;
  routing: ReturnType<typeof fakeRouting>;
  experiments: Experiments;
  /** Makes both again. */
  start(weights: Weights): void;
  deliver(records: readonly StoredRecord[]): Promise<void>;
  report(level?: number): Promise<ExperimentReport>;
}

export function experimentBench(open: () => Queryable): ExperimentBench {
  let read: ReadRecords | undefined;
  const started = (weights: Weights) => {
    const routing = fakeRouting(weights);
    const experiments = createExperiments({
      readRecords: (ask) => {
        read ??= readRecords(open());
        return read(ask);
      },
      routing,
      retentionMs: 90 * DAY_MS,
      now: () => NOW_MS,
    });
    return { routing, experiments };
  };
  const bench: ExperimentBench = {
    open,
    ...started({}),
    start: (weights) => void Object.assign(bench, started(weights)),
    deliver: (records) => deliverTo(open(), records),
    report: (level) => bench.experiments.report('net', { level }),
  };
  return bench;
}
