import { z } from 'zod';
import type { Queryable } from '../postgres/database.ts';

/** Which feedback is asked for: that on predictions of a time, page by page. */
export const judgedQuerySchema = z.strictObject({
  from_ms: z.int().min(0),
  to_ms: z.int().min(0),
  /** The last one of the page before; null for the first page. */
  after: z.strictObject({ at_ms: z.int().min(0), id: z.uuid(), index: z.int().min(0) }).nullable(),
  limit: z.int().min(1).max(1000),
});
export type JudgedQuery = z.infer<typeof judgedQuerySchema>;

/** An image that somebody told the right answer of. */
export const judgedImageSchema = z.strictObject({
  at_ms: z.int(),
  id: z.uuid(),
  index: z.int(),
  unit: z.string(),
  image_sha256: z.string(),
  model: z.string(),
  version: z.string(),
  predicted_label: z.string().nullable(),
  /** The right answer. */
  label: z.string().nullable(),
  class_id: z.int().nullable(),
});
export type JudgedImage = z.infer<typeof judgedImageSchema>;

/**
 * Predictions with the outcomes that somebody told of them, however late they came. Only the tenant that asked may
 * judge: what others say of its predictions joins to nothing.
 */
const JUDGED = `
  SELECT p.at, p.id, p.index, p.unit, p.image_sha256, p.model, p.version, p.label AS predicted_label,
    o.label, o.class_id
  FROM predictions p JOIN outcomes o
    ON o.predicted_at = p.at AND o.prediction_id = p.id AND o.index = p.index AND o.tenant = p.tenant
  WHERE o.predicted_at >= $1 AND o.predicted_at < $2 AND p.image_sha256 IS NOT NULL
    AND (o.label IS NOT NULL OR o.class_id IS NOT NULL)
    AND (p.at, p.id, p.index) > ($3, $4::uuid, $5)
  ORDER BY p.at, p.id, p.index LIMIT $6`;

/** Before every prediction of its moment. */
const FIRST = { id: '00000000-0000-0000-0000-000000000000', index: -1 };

/** PostgreSQL's code for a table that nobody has made yet. */
const UNDEFINED_TABLE = '42P01';

/** Images with feedback by the caller of the prediction, in the order of their predictions. */
export async function judgedImages(db: Queryable, query: JudgedQuery): Promise<readonly JudgedImage[]> {
  const { from_ms, to_ms, limit } = query;
  const { at_ms, id, index } = query.after ?? { at_ms: from_ms, ...FIRST };
  const [from, to, after] = [from_ms, to_ms, at_ms].map((ms) => new Date(ms));
  const { rows } = await db.query(JUDGED, [from, to, after, id, index, limit]).catch(unlessUndefined);
  return rows.map((row) => {
    const { at, ...rest } = row as { at: Date };
    return judgedImageSchema.parse({ at_ms: at.getTime(), ...rest });
  });
}

function unlessUndefined(error: unknown): { readonly rows: readonly unknown[] } {
  if ((error as { code?: unknown }).code === UNDEFINED_TABLE) return { rows: [] };
  throw error;
}
