import type { Queryable } from '@headgate/stores/postgres/database';
import {
  type ArmFeedback,
  type ExperimentPeriod,
  feedbackOf,
  latenciesOf,
  type Traffic,
  trafficOf,
} from '@headgate/stores/records/experiment';
import type { ExperimentName } from '@headgate/stores/records/looks';
import type { Run } from './runs.ts';
import { type Split, splitOf } from './split.ts';

/** What the store has of an experiment at one time; all that its analysis needs. */
export interface Gathered extends ExperimentName {
  readonly atMs: number;
  readonly run: Run;
  /** Of the model, newest first. */
  readonly runs: readonly Run[];
  readonly split: Split;
  readonly traffic: Traffic;
  readonly feedback: readonly ArmFeedback[];
  /** By variant, ascending: one request of each unit in the last epoch that compares anything. */
  readonly latencies: ReadonlyMap<string, readonly number[]>;
}

/** A unit gives one latency of its first slot: chosen among several, but soon there. */
const SLOT_MS = 600_000;

/**
 * Reads a run of an experiment: its records from its start to its end, and none that are dated later than now.
 *
 * @param runs of the model, newest first
 */
export async function gather(
  db: Queryable,
  model: string,
  { run, runs, nowMs }: { readonly run: Run; readonly runs: readonly Run[]; readonly nowMs: number },
): Promise<Gathered> {
  const name: ExperimentName = { model, experiment: run.experiment };
  const split = splitOf(run.epochs);
  const starts = split.epochs.map(({ from_ms }) => from_ms);
  const toMs = Math.min(nowMs, run.endedAtMs ?? nowMs);
  const period: ExperimentPeriod = { ...name, epochs: starts, toMs };
  const traffic = await trafficOf(db, period, split.arms);
  const feedback = await feedbackOf(db, period, split.arms);
  const latest = {
    ...name,
    epochs: starts.slice(split.latest),
    toMs: Math.min(toMs, starts[split.latest + 1] ?? toMs, Math.floor(nowMs / SLOT_MS) * SLOT_MS),
  };
  const latencies = await latenciesOf(db, latest, SLOT_MS);
  return { ...name, atMs: nowMs, run, runs, split, traffic, feedback, latencies };
}
