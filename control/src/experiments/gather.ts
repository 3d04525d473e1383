import type { Queryable } from '@headgate/stores/postgres/database';
import type { Epoch } from '@headgate/stores/records/epochs';
import {
  type ArmFeedback,
  type ExperimentPeriod,
  feedbackOf,
  latenciesOf,
  type Traffic,
  trafficOf,
} from '@headgate/stores/records/experiment';
import type { ExperimentName } from '@headgate/stores/records/looks';
import { type Split, sinceItBegan, splitOf } from './split.ts';

/** What the store has of an experiment at one time; all that its analysis needs. */
export interface Gathered extends ExperimentName {
  readonly atMs: number;
  readonly startedAtMs: number;
  readonly split: Split;
  readonly traffic: Traffic;
  readonly feedback: readonly ArmFeedback[];
  /** By variant, ascending: one request of each unit since the weights changed last. */
  readonly latencies: ReadonlyMap<string, readonly number[]>;
}

/** A unit gives one latency of its first slot: chosen among several, but soon there. */
const SLOT_MS = 600_000;

/**
 * Reads an experiment. It reads the records since the experiment began, and none that are dated later than now.
 *
 * @param epochs oldest first, at least one
 */
export async function gather(
  db: Queryable,
  name: ExperimentName,
  { epochs, nowMs }: { readonly epochs: readonly Epoch[]; readonly nowMs: number },
): Promise<Gathered> {
  const split = splitOf(sinceItBegan(epochs));
  const starts = split.epochs.map(({ from_ms }) => from_ms);
  const period: ExperimentPeriod = { ...name, epochs: starts, toMs: nowMs };
  const traffic = await trafficOf(db, period, split.arms);
  const feedback = await feedbackOf(db, period, split.arms);
  const latest = { ...name, epochs: starts.slice(-1), toMs: Math.floor(nowMs / SLOT_MS) * SLOT_MS };
  const latencies = await latenciesOf(db, latest, SLOT_MS);
  return { ...name, atMs: nowMs, startedAtMs: starts[0] ?? nowMs, split, traffic, feedback, latencies };
}
