import type { SketchPage, SketchRow } from '@headgate/contracts/admin/api';
import { z } from 'zod';
import type { Queryable } from '../postgres/database.ts';

export interface SketchQuery {
  readonly model: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** `next` of the page before. */
  readonly after: SketchCursor | undefined;
  readonly limit: number;
}

const CURSOR = /^(\d{1,15})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_(\d{1,4})$/;

/** The last row of a page: its time, id and index, as `next` has them. */
export const sketchCursorSchema = z
  .string()
  .regex(CURSOR, 'expected `next` of the page before')
  .transform((text) => {
    const [, atMs, id = '', index] = CURSOR.exec(text) ?? [];
    return { atMs: Number(atMs), id, index: Number(index) };
  });
export type SketchCursor = z.output<typeof sketchCursorSchema>;

/** Before every prediction of its moment. */
const FIRST = { id: '00000000-0000-0000-0000-000000000000', index: -1 };

const SKETCHES = `
  SELECT at, id, index, version, image_sha256, class_id, score, label, sketch_version, image_width, image_height,
    brightness, contrast, sharpness, features
  FROM predictions
  WHERE at >= $1 AND at < $2 AND (at, id, index) > ($3, $4::uuid, $5) AND model = $6 AND outcome = 'ok'
    AND sketch_version IS NOT NULL
  ORDER BY at, id, index LIMIT $7`;

/** Sketches of the images that a model answered, with the answers, in the order of their predictions. */
export async function sketchPage(db: Queryable, query: SketchQuery): Promise<SketchPage> {
  const { model, fromMs, toMs, limit } = query;
  const { atMs, id, index } = query.after ?? { atMs: fromMs, ...FIRST };
  const [from, to, after] = [fromMs, toMs, atMs].map((ms) => new Date(ms));
  // One more tells whether there is a next page.
  const { rows } = await db.query(SKETCHES, [from, to, after, id, index, model, limit + 1]);
  const page = (rows as readonly StoredSketch[]).slice(0, limit).map(sketchRow);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { rows: page, next: last ? `${last.at_ms}_${last.id}_${last.index}` : null };
}

type StoredSketch = Omit<SketchRow, 'at_ms' | 'sketch'> & {
  readonly at: Date;
  readonly sketch_version: number;
  readonly image_width: number;
  readonly image_height: number;
} & Omit<SketchRow['sketch'], 'version' | 'width' | 'height'>;

function sketchRow(row: StoredSketch): SketchRow {
  const { at, sketch_version: version, image_width: width, image_height: height, ...rest } = row;
  const { brightness, contrast, sharpness, features, ...answer } = rest;
  const measured = { brightness, contrast, sharpness, features };
  return { at_ms: at.getTime(), ...answer, sketch: { version, width, height, ...measured } };
}
