import { z } from 'zod';
import type { Queryable } from '../postgres/database.ts';

/** Comparisons of which control: a model, the version that answered, and since when. */
export interface ShadowQuery {
  readonly model: string;
  readonly version: string;
  readonly fromMs: number;
}

const count = z.int();
const quantiles = z.tuple([z.number(), z.number()]).nullable();

const sumsSchema = z.object({
  shadow_version: z.string(),
  since: z.date(),
  compared: count,
  agreed: count,
  dropped: count,
  failed: count,
  noise_compared: count,
  noise_agreed: count,
  /** Images on which one copy agrees with the answer, and the other one does not. */
  only_shadow_differs: count,
  only_noise_differs: count,
  score_change: z.number().nullable(),
  absolute_change: z.number().nullable(),
  noise_absolute_change: z.number().nullable(),
  label_order_differs: z.boolean(),
  /** In ms, p50 and p95, of the images that both ran; null without one. */
  shadow_latency: quantiles,
  control_latency: quantiles,
});

const pairSchema = z.object({ shadow_version: z.string(), control: z.string(), shadow: z.string(), count });

/** Sums over the comparisons of one shadow. */
export type ShadowSums = z.infer<typeof sumsSchema>;
/** How often control saw one label first, and a shadow another one. */
export type ShadowPair = z.infer<typeof pairSchema>;

const SUMS = `
  SELECT shadow_version, min(at) AS since,
    count(shadow_agrees)::int AS compared,
    count(*) FILTER (WHERE shadow_agrees)::int AS agreed,
    count(*) FILTER (WHERE outcome = 'dropped')::int AS dropped,
    count(*) FILTER (WHERE outcome NOT IN ('ok', 'dropped'))::int AS failed,
    count(noise_agrees)::int AS noise_compared,
    count(*) FILTER (WHERE noise_agrees)::int AS noise_agreed,
    count(*) FILTER (WHERE noise_agrees AND NOT shadow_agrees)::int AS only_shadow_differs,
    count(*) FILTER (WHERE shadow_agrees AND NOT noise_agrees)::int AS only_noise_differs,
    avg(shadow_score_change) AS score_change,
    avg(abs(shadow_score_change)) AS absolute_change,
    avg(abs(noise_score_change)) AS noise_absolute_change,
    bool_or(label_order_differs) AS label_order_differs,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY shadow_latency_ms)
      FILTER (WHERE noise_latency_ms IS NOT NULL AND shadow_latency_ms IS NOT NULL) AS shadow_latency,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY noise_latency_ms)
      FILTER (WHERE noise_latency_ms IS NOT NULL AND shadow_latency_ms IS NOT NULL) AS control_latency
  FROM shadows WHERE model = $1 AND version = $2 AND at >= $3
  GROUP BY shadow_version ORDER BY shadow_version`;

/** A class without a name is shown by its number. */
const PAIRS = `
  SELECT shadow_version, control, shadow, count FROM (
    SELECT shadow_version, coalesce(nullif(label, ''), class_id::text) AS control,
      coalesce(nullif(shadow_label, ''), shadow_class_id::text) AS shadow, count(*)::int AS count,
      row_number() OVER (PARTITION BY shadow_version ORDER BY count(*) DESC, label, shadow_label) AS place
    FROM shadows WHERE model = $1 AND version = $2 AND at >= $3 AND NOT shadow_agrees
    GROUP BY shadow_version, label, class_id, shadow_label, shadow_class_id
  ) AS pairs WHERE place <= 20 ORDER BY shadow_version, place`;

/** Sums of each shadow that has records, and its most frequent disagreements. */
export async function shadowSums(
  db: Queryable,
  { model, version, fromMs }: ShadowQuery,
): Promise<{ readonly sums: readonly ShadowSums[]; readonly pairs: readonly ShadowPair[] }> {
  const values = [model, version, new Date(fromMs)];
  const rowsOf = async <S extends z.ZodType>(sql: string, schema: S): Promise<z.output<S>[]> =>
    (await db.query(sql, values)).rows.map((row) => schema.parse(row));
  return { sums: await rowsOf(SUMS, sumsSchema), pairs: await rowsOf(PAIRS, pairSchema) };
}
