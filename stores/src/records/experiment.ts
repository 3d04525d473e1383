import { REASONS } from '@headgate/contracts/errors';
import type { Queryable } from '../postgres/database.ts';
import { type Sums, type SumsRow, sumsOf } from './sums.ts';

/** Predictions of an experiment, made in a time. */
export interface ExperimentPeriod {
  readonly model: string;
  readonly experiment: string;
  /** Start of each epoch of weights, in ms, ascending; the period begins with the first. */
  readonly epochs: readonly number[];
  readonly toMs: number;
}

/** How much the predictions of a variant count in each epoch. */
export interface Arm {
  readonly variant: string;
  readonly weights: readonly number[];
}

/** What an arm did. Every image counts for its unit; errors of the client and cancellations count for nothing. */
export interface ArmTraffic {
  readonly units: number;
  readonly requests: number;
  /** Requests of them that another variant answered, because the version of this one was not ready. */
  readonly elsewhere: number;
  readonly success: Sums;
  readonly latency: Sums;
}

export interface Traffic {
  /** One for each arm, in their order. */
  readonly arms: readonly ArmTraffic[];
  readonly firstSeen: readonly FirstSeen[];
  /** Units that sent a request in the last epoch, but for its first seconds, by assigned variant. */
  readonly lastSeen: readonly Omit<FirstSeen, 'epoch'>[];
  /** By variant, ascending: one request of each unit, chosen by chance in its first slot. */
  readonly latencies: ReadonlyMap<string, readonly number[]>;
}

/** Slots of time, within an epoch. */
export interface Slots {
  readonly ms: number;
  readonly fromMs: number;
  /** End of the last one that has passed, or of the epoch. */
  readonly untilMs: number;
}

/** What callers said of an arm. */
export interface ArmFeedback {
  readonly accuracy: Sums;
  readonly reward: Sums;
}

/** Units whose first request in the period was in that epoch, but for its first seconds, by assigned variant. */
export interface FirstSeen {
  /** From 0. */
  readonly epoch: number;
  readonly variant: string;
  readonly units: number;
}

/** Reasons for which the service is to blame. */
const FAILURES = Object.entries(REASONS).flatMap(([reason, { http }]) => (http >= 500 ? reason : []));

/** Until gateways follow a change of the weights, they assign by the ones before; their clocks may differ a bit, too. */
const SETTLED_MS = 5000;

/**
 * One pass over the predictions; the rest works on a row for each unit, variant and epoch (decision 0107). The latency is
 * of the first slot of a unit only: its requests are alike, and a value that is chosen never changes. A hash of the id
 * chooses: neither the caller nor the version can.
 */
const TRAFFIC = `
  WITH arms AS (
    SELECT * FROM json_to_recordset($6::json)
      AS arm (arm integer, variant text, epoch integer, weight double precision)
  ), seen AS MATERIALIZED (
    SELECT p.assigned_variant AS variant, width_bucket(p.at, $5::timestamptz[]) AS epoch, p.unit, min(p.at) AS first_at, max(p.at) AS last_at,
      count(*) FILTER (WHERE p.index = 0) AS requests,
      count(*) FILTER (WHERE p.index = 0 AND p.variant <> p.assigned_variant) AS elsewhere,
      count(*) FILTER (WHERE p.outcome <> 'ok' AND p.outcome = ANY($7)) AS failed,
      count(*) FILTER (WHERE p.outcome = 'ok') AS ok,
      coalesce(sum(p.latency_ms) FILTER (WHERE p.outcome = 'ok'), 0) AS ms,
      min(ARRAY[floor(date_part('epoch', p.at) / $9), uuid_hash_extended(p.id, 0), p.index, p.latency_ms]::float8[])
        FILTER (WHERE p.outcome = 'ok' AND p.at >= $10 AND p.at < $11) AS chosen
    FROM predictions p
    WHERE p.model = $1 AND p.experiment = $2 AND p.at >= $3 AND p.at < $4 AND p.assigned_variant IS NOT NULL
    GROUP BY 1, 2, 3
  ), units AS (
    SELECT a.arm, sum(requests) AS requests, sum(elsewhere) AS elsewhere,
      sum(a.weight * failed) AS failed, sum(a.weight * ok) AS ok, sum(a.weight * ms) AS ms
    FROM seen JOIN arms a ON a.variant = seen.variant AND a.epoch = seen.epoch GROUP BY a.arm, unit
  ), traffic AS (
    SELECT arm, count(*) AS units, sum(requests) AS requests, sum(elsewhere) AS elsewhere FROM units GROUP BY arm
  ), sums AS (
    SELECT arm, metric, count(*) FILTER (WHERE x > 0) AS units,
      sum(x) AS x, sum(y) AS y, sum(x * x) AS xx, sum(y * y) AS yy, sum(x * y) AS xy
    FROM units CROSS JOIN LATERAL (VALUES ('success', failed + ok, ok), ('latency', ok, ms)) AS of (metric, x, y)
    GROUP BY arm, metric
  ), firsts AS (
    SELECT DISTINCT ON (unit) epoch, variant, first_at FROM seen ORDER BY unit, first_at, variant
  ), first_seen AS (
    SELECT epoch - 1 AS epoch, variant, count(*) AS units FROM firsts
    WHERE first_at >= ($5::timestamptz[])[epoch] + $8::float8 * interval '1 ms' GROUP BY epoch, variant
  ), last_seen AS (
    SELECT variant, count(*) AS units FROM seen WHERE epoch = cardinality($5::timestamptz[])
      AND last_at >= ($5::timestamptz[])[epoch] + $8::float8 * interval '1 ms' GROUP BY variant
  ), of_units AS (
    SELECT variant, array_agg(chosen[4] ORDER BY chosen[4]) AS latencies FROM seen WHERE chosen IS NOT NULL GROUP BY variant
  )
  SELECT (SELECT json_agg(traffic) FROM traffic) AS traffic, (SELECT json_agg(sums) FROM sums) AS sums,
    (SELECT json_agg(first_seen) FROM first_seen) AS first_seen, (SELECT json_agg(last_seen) FROM last_seen) AS last_seen,
    (SELECT json_agg(of_units) FROM of_units) AS latencies`;

/** An answer is judged by the fields that it and its feedback have: some answers have no label. */
const FEEDBACK = `
  WITH arms AS (
    SELECT * FROM json_to_recordset($6::json)
      AS arm (arm integer, variant text, epoch integer, weight double precision)
  ), said AS (
    SELECT p.unit, p.assigned_variant AS variant, width_bucket(p.at, $5::timestamptz[]) AS epoch, o.reward,
      p.outcome = 'ok' AND coalesce(o.label = p.label, o.class_id = p.class_id) IS NOT NULL AS judged,
      coalesce(o.label = p.label, true) AND coalesce(o.class_id = p.class_id, true) AS correct
    FROM outcomes o JOIN predictions p
      ON p.at = o.predicted_at AND p.id = o.prediction_id AND p.index = o.index AND p.tenant = o.tenant
    WHERE o.predicted_at >= $3 AND o.predicted_at < $4
      AND p.model = $1 AND p.experiment = $2 AND p.at >= $3 AND p.at < $4
  ), units AS (
    SELECT a.arm,
      coalesce(sum(a.weight) FILTER (WHERE judged), 0) AS judged,
      coalesce(sum(a.weight) FILTER (WHERE judged AND correct), 0) AS correct,
      coalesce(sum(a.weight) FILTER (WHERE reward IS NOT NULL), 0) AS rewards,
      coalesce(sum(a.weight * reward), 0) AS reward
    FROM said JOIN arms a ON a.variant = said.variant AND a.epoch = said.epoch GROUP BY a.arm, unit
  )
  SELECT arm, metric, count(*) FILTER (WHERE x > 0)::int AS units,
    sum(x) AS x, sum(y) AS y, sum(x * x) AS xx, sum(y * y) AS yy, sum(x * y) AS xy
  FROM units CROSS JOIN LATERAL (VALUES ('accuracy', judged, correct), ('reward', rewards, reward)) AS of (metric, x, y)
  GROUP BY arm, metric`;

export async function trafficOf(
  db: Queryable,
  period: ExperimentPeriod,
  arms: readonly Arm[],
  slots: Slots,
): Promise<Traffic> {
  const { rows } = await db.query(TRAFFIC, [
    ...[...valuesOf(period), armRows(arms), FAILURES, SETTLED_MS],
    ...[slots.ms / 1000, new Date(slots.fromMs), new Date(slots.untilMs)],
  ]);
  const [found] = rows as readonly TrafficRow[];
  const sums = found?.sums ?? [];
  return {
    arms: arms.map((_, arm) => {
      const { units = 0, requests = 0, elsewhere = 0 } = found?.traffic?.find((row) => row.arm === arm) ?? {};
      const [success, latency] = [sumsIn(sums, arm, 'success'), sumsIn(sums, arm, 'latency')];
      return { units, requests, elsewhere, success, latency };
    }),
    firstSeen: found?.first_seen ?? [],
    lastSeen: found?.last_seen ?? [],
    latencies: new Map(found?.latencies?.map(({ variant, latencies }) => [variant, latencies])),
  };
}

/** Only what the tenant of a prediction says counts. @returns one for each arm, in their order */
export async function feedbackOf(
  db: Queryable,
  period: ExperimentPeriod,
  arms: readonly Arm[],
): Promise<readonly ArmFeedback[]> {
  const { rows } = await db.query(FEEDBACK, [...valuesOf(period), armRows(arms)]);
  const sums = rows as readonly ArmSums[];
  return arms.map((_, arm) => ({
    accuracy: sumsIn(sums, arm, 'accuracy'),
    reward: sumsIn(sums, arm, 'reward'),
  }));
}

function valuesOf({ model, experiment, epochs, toMs }: ExperimentPeriod): unknown[] {
  const froms = epochs.map((ms) => new Date(ms));
  return [model, experiment, froms[0], new Date(toMs), froms];
}

/** Epochs in which an arm counts for nothing are left out, and so are their predictions. */
function armRows(arms: readonly Arm[]): string {
  const rows = arms.flatMap(({ variant, weights }, arm) =>
    weights.flatMap((weight, epoch) => (weight > 0 ? { arm, variant, epoch: epoch + 1, weight } : [])),
  );
  return JSON.stringify(rows);
}

type ArmSums = SumsRow & { readonly arm: number; readonly metric: string };

interface TrafficRow {
  readonly traffic:
    | readonly (Pick<ArmTraffic, 'units' | 'requests' | 'elsewhere'> & { arm: number })[]
    | null;
  readonly sums: readonly ArmSums[] | null;
  readonly first_seen: Traffic['firstSeen'] | null;
  readonly last_seen: Traffic['lastSeen'] | null;
  readonly latencies: readonly { readonly variant: string; readonly latencies: readonly number[] }[] | null;
}

function sumsIn(rows: readonly ArmSums[], arm: number, metric: string): Sums {
  return sumsOf(rows.find((row) => row.arm === arm && row.metric === metric));
}
