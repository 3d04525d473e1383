import { z } from 'zod';
import { type Queryable, sqlBuilder } from './database.ts';

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
 * Predictions `p` with the outcomes `o` that somebody told of them, however late they came. Only the tenant that asked may
 * judge: what others say of its predictions joins to nothing.
 */
export function selectJudged() {
  return sqlBuilder
    .selectFrom('predictions as p')
    .innerJoin('outcomes as o', (join) =>
      join
        .onRef('o.predicted_at', '=', 'p.at')
        .onRef('o.prediction_id', '=', 'p.id')
        .onRef('o.index', '=', 'p.index')
        .onRef('o.tenant', '=', 'p.tenant'),
    );
}

/** PostgreSQL's code for a table that nobody has made yet. */
const UNDEFINED_TABLE = '42P01';

/** Images with feedback of whoever asked for the prediction, in the order of their predictions. */
export async function judgedImages(db: Queryable, query: JudgedQuery): Promise<readonly JudgedImage[]> {
  const { after } = query;
  const statement = selectJudged()
    .where('o.predicted_at', '>=', new Date(query.from_ms))
    .where('o.predicted_at', '<', new Date(query.to_ms))
    .where('p.image_sha256', 'is not', null)
    .$if(after !== null, (rest) =>
      rest.where((w) =>
        w(
          w.refTuple('p.at', 'p.id', 'p.index'),
          '>',
          w.tuple(new Date(after?.at_ms ?? 0), after?.id ?? '', after?.index ?? 0),
        ),
      ),
    )
    .select(['p.at', 'p.id', 'p.index', 'p.unit', 'p.image_sha256', 'p.model', 'p.version'])
    .select(['p.label as predicted_label', 'o.label', 'o.class_id'])
    .orderBy('p.at')
    .orderBy('p.id')
    .orderBy('p.index')
    .limit(query.limit);
  const { sql, parameters } = statement.compile();
  const { rows } = await db.query(sql, parameters).catch(unlessUndefined);
  return rows.map((row) => {
    const { at, ...rest } = row as { at: Date };
    return judgedImageSchema.parse({ at_ms: at.getTime(), ...rest });
  });
}

function unlessUndefined(error: unknown): { readonly rows: readonly unknown[] } {
  if ((error as { code?: unknown }).code === UNDEFINED_TABLE) return { rows: [] };
  throw error;
}
