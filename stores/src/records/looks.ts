import type { Look, Metric } from '@headgate/contracts/admin/api';
import type { Queryable } from '../postgres/database.ts';

export interface ExperimentName {
  readonly model: string;
  readonly experiment: string;
}

export type MetricLook = Look & { readonly metric: Metric };

const ADD = `
  INSERT INTO experiment_looks
  SELECT $1, $2, metric, variant, to_timestamp(at_ms / 1000.0), units, difference, low, high, verdict
  FROM json_to_recordset($3::json) AS look (metric text, variant text, at_ms double precision, units integer,
    difference double precision, low double precision, high double precision, verdict text)
  ON CONFLICT DO NOTHING`;

/** Of each hour that has passed, the last look; of each day, after a week. */
const THIN = `
  DELETE FROM experiment_looks look USING (
    SELECT model, experiment, metric, variant, max(at) AS kept,
      CASE WHEN at < $1::timestamptz - interval '7 days' THEN date_trunc('day', at) ELSE date_trunc('hour', at) END AS slot
    FROM experiment_looks WHERE at < $1::timestamptz - interval '3 hours' GROUP BY 1, 2, 3, 4, 6
  ) slots
  WHERE look.model = slots.model AND look.experiment = slots.experiment AND look.metric = slots.metric
    AND look.variant = slots.variant AND look.at < slots.kept AND look.at >= slots.slot`;

const FORGET = 'DELETE FROM experiment_looks WHERE at < $1';

const READ = `
  SELECT variant, at, units, difference, low, high, verdict FROM experiment_looks
  WHERE model = $1 AND experiment = $2 AND metric = $3 ORDER BY at, variant`;

export async function addLooks(
  db: Queryable,
  { model, experiment }: ExperimentName,
  looks: readonly MetricLook[],
): Promise<void> {
  await db.query(ADD, [model, experiment, JSON.stringify(looks)]);
}

/** A look of each minute of the last hours, of each hour of a week, of each day before; none older than the records. */
export async function thinLooks(db: Queryable, nowMs: number, keepMs: number): Promise<void> {
  await db.query(THIN, [new Date(nowMs)]);
  await db.query(FORGET, [new Date(nowMs - keepMs)]);
}

/** Oldest first. */
export async function looksOf(
  db: Queryable,
  { model, experiment }: ExperimentName,
  metric: Metric,
): Promise<readonly Look[]> {
  const { rows } = await db.query(READ, [model, experiment, metric]);
  return (rows as (Omit<Look, 'at_ms'> & { at: Date })[]).map(({ at, ...look }) => ({
    at_ms: at.getTime(),
    ...look,
  }));
}
