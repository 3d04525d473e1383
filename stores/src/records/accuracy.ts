import { type Queryable, selectJudged } from './database.ts';

/** How often a variant was right, among the predictions that somebody judged. */
export interface Accuracy {
  readonly model: string;
  readonly version: string;
  readonly variant: string | null;
  readonly judged: number;
  readonly right: number;
}

/** Of all variants, among predictions since then. */
export async function accuracyOf(db: Queryable, since: Date): Promise<readonly Accuracy[]> {
  const statement = selectJudged()
    .where('p.at', '>=', since)
    .where('p.outcome', '=', 'ok')
    .select(['p.model', 'p.version', 'p.variant'])
    .select((e) => [
      e.cast<number>(e.fn.countAll(), 'integer').as('judged'),
      e
        .cast<number>(
          e.fn
            .countAll()
            .filterWhere((w) =>
              w.and([
                w.or([w('o.label', 'is', null), w('o.label', '=', w.ref('p.label'))]),
                w.or([w('o.class_id', 'is', null), w('o.class_id', '=', w.ref('p.class_id'))]),
              ]),
            ),
          'integer',
        )
        .as('right'),
    ])
    .groupBy(['p.model', 'p.version', 'p.variant'])
    .orderBy('p.model')
    .orderBy('p.version');
  const { sql, parameters } = statement.compile();
  const { rows } = await db.query(sql, parameters);
  return rows as readonly Accuracy[];
}
