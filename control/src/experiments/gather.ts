import type { Queryable } from '@headgate/stores/postgres/database';
import {
  type ArmFeedback,
  type ExperimentPeriod,
  feedbackOf,
  type Traffic,
  trafficOf,
} from '@headgate/stores/records/experiment';
import type { ExperimentName } from '@headgate/stores/records/looks';
import type { Run } from './runs.ts';
import { type Split, splitOf } from './split.ts';

/** What the store has of an experiment at one time; all that its analysis needs. */
export interface Gathered extends ExperimentName {
  readonly atMs: number;
  /** Older records are deleted. */
  readonly recordsSinceMs: number;
  readonly run: Run;
  /** Of the model, newest first. */
  readonly runs: readonly Run[];
  readonly split: Split;
  readonly traffic: Traffic;
  readonly feedback: readonly ArmFeedback[];
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
  { run, runs, atMs, recordsSinceMs }: Pick<Gathered, 'run' | 'runs' | 'atMs' | 'recordsSinceMs'>,
): Promise<Gathered> {
  const name: ExperimentName = { model, experiment: run.experiment };
  const split = splitOf(run.epochs);
  const starts = split.epochs.map(({ from_ms }) => from_ms);
  const toMs = Math.min(atMs, run.endedAtMs ?? atMs);
  const period: ExperimentPeriod = { ...name, epochs: starts, toMs };
  const slots = {
    ms: SLOT_MS,
    fromMs: starts[split.latest] ?? toMs,
    untilMs: Math.min(toMs, starts[split.latest + 1] ?? toMs, Math.floor(atMs / SLOT_MS) * SLOT_MS),
  };
  const traffic = await trafficOf(db, period, split.arms, slots);
  const feedback = await feedbackOf(db, period, split.arms);
  return { ...name, atMs, recordsSinceMs, run, runs, split, traffic, feedback };
}
