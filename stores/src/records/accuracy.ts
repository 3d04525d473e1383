import type { Queryable } from '../postgres/database.ts';
import { type Sums, type SumsRow, sumsOf } from './sums.ts';

export interface VersionSums {
  readonly model: string;
  readonly version: string;
  /** By unit: X judged predictions, Y of them correct. */
  readonly sums: Sums;
}

export interface AccuracyQuery {
  /** Undefined: all models. */
  readonly model: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
}

const ACCURACY = `
  WITH units AS (
    SELECT p.model, p.version, count(*)::float8 AS judged, count(*) FILTER (
      WHERE coalesce(o.label = p.label, true) AND coalesce(o.class_id = p.class_id, true))::float8 AS correct
    FROM outcomes o JOIN predictions p
      ON p.at = o.predicted_at AND p.id = o.prediction_id AND p.index = o.index AND p.tenant = o.tenant
    WHERE o.predicted_at >= $1 AND o.predicted_at < $2 AND p.at >= $1 AND p.at < $2
      AND p.outcome = 'ok' AND coalesce(o.label = p.label, o.class_id = p.class_id) IS NOT NULL AND ($3::text IS NULL OR p.model = $3)
    GROUP BY p.model, p.version, p.unit
  )
  SELECT model, version, count(*)::int AS units, sum(judged) AS x, sum(correct) AS y,
    sum(judged * judged) AS xx, sum(correct * correct) AS yy, sum(judged * correct) AS xy
  FROM units GROUP BY model, version ORDER BY model, version`;

/** Accuracy of each version among the predictions of a time that their own tenant judged, of whichever variant. */
export async function accuracyByVersion(
  db: Queryable,
  query: AccuracyQuery,
): Promise<readonly VersionSums[]> {
  const { model = null, fromMs, toMs } = query;
  const { rows } = await db.query(ACCURACY, [new Date(fromMs), new Date(toMs), model]);
  return (rows as readonly (SumsRow & { model: string; version: string })[]).map((row) => ({
    model: row.model,
    version: row.version,
    sums: sumsOf(row),
  }));
}
