import {
  type GapRecord,
  type OutcomeRecord,
  type PredictionRecord,
  type StoredRecord,
  timeOfPrediction,
} from '@headgate/contracts/records';
import type { InsertObject } from 'kysely';
import type { Queryable, Tables } from './database.ts';
import { migrate } from './migrations.ts';
import { createPartitions } from './partitions.ts';
import { type RecordSink, RecordsRefusedError } from './sink.ts';

export interface SqlSinkOptions {
  readonly db: Queryable;
  readonly retentionDays: number;
  /** Wall clock in ms. */
  readonly now: () => number;
  /** Hears why records beyond the retention are still there; it is tried again in an hour. */
  readonly expiryFailed?: ((error: unknown) => void) | undefined;
}

/** Rows travel as one JSON text: a statement with a value for each column and row takes three times as long to plan. */
const INSERT: Record<keyof Tables, string> = {
  predictions:
    'INSERT INTO predictions SELECT * FROM json_populate_recordset(null::predictions, $1) ON CONFLICT DO NOTHING',
  outcomes:
    'INSERT INTO outcomes SELECT * FROM json_populate_recordset(null::outcomes, $1) ON CONFLICT DO NOTHING',
  gaps: 'INSERT INTO gaps SELECT * FROM json_populate_recordset(null::gaps, $1) ON CONFLICT DO NOTHING',
};
const EXPIRE_EVERY_MS = 3_600_000;

/** Keeps records in tables; the first delivery makes them. Whoever made the connection closes it. */
export function sqlSink(options: SqlSinkOptions): Omit<RecordSink, 'close'> {
  const { db, retentionDays, now, expiryFailed } = options;
  const partitions = createPartitions(db, retentionDays);
  let migrated = false;
  let expiredAtMs = Number.NEGATIVE_INFINITY;

  const prepare = async (records: readonly StoredRecord[]) => {
    if (!migrated) await migrate(db);
    migrated = true;
    const times = records.flatMap((record) => (record.type === 'gap' ? [] : [timeOfPrediction(record.id)]));
    await partitions.ensure(times, now());
    if (now() - expiredAtMs < EXPIRE_EVERY_MS) return;
    // Set first: a table that is locked may keep one delivery waiting, not each.
    expiredAtMs = now();
    await partitions.expire(now()).catch(expiryFailed ?? (() => undefined));
  };

  const insert = async <T extends keyof Tables>(
    table: T,
    rows: readonly InsertObject<Tables, T>[],
    signal: AbortSignal,
  ) => {
    signal.throwIfAborted();
    if (rows.length > 0) await db.query(INSERT[table], [JSON.stringify(rows)]).catch(refuseData);
  };

  return {
    async deliver(records, signal) {
      await prepare(records);
      const of = <R extends StoredRecord>(type: R['type']) =>
        records.filter((record): record is R => record.type === type);
      await insert('predictions', of<PredictionRecord>('prediction').map(predictionRow), signal);
      await insert('outcomes', of<OutcomeRecord>('outcome').map(outcomeRow), signal);
      await insert('gaps', of<GapRecord>('gap').map(gapRow), signal);
    },
  };
}

/**
 * Classes 22 and 23 of SQLSTATE: the values do not fit, or break a constraint. Of inserts alone: two that make one
 * table at the same time see 23505 as well, and that passes.
 */
function refuseData(error: unknown): never {
  if (/^2[23]/.test(String((error as { code?: unknown }).code))) {
    throw new RecordsRefusedError('the database refuses the data', { cause: error });
  }
  throw error;
}

/** A NUL cannot be part of PostgreSQL's text. */
const text = <T extends string | null>(value: T): T => value?.replaceAll('\u0000', '\ufffd') as T;

function predictionRow(record: PredictionRecord): InsertObject<Tables, 'predictions'> {
  const { type, v, at_ms, sketch, ...columns } = record;
  return {
    ...columns,
    label: text(columns.label),
    at: new Date(timeOfPrediction(record.id)),
    sketch_version: sketch?.version ?? null,
    image_width: sketch?.width ?? null,
    image_height: sketch?.height ?? null,
    brightness: sketch?.brightness ?? null,
    contrast: sketch?.contrast ?? null,
    sharpness: sketch?.sharpness ?? null,
    features: sketch?.features ?? null,
  };
}

function outcomeRow({
  id,
  index,
  at_ms,
  tenant,
  label,
  class_id,
}: OutcomeRecord): InsertObject<Tables, 'outcomes'> {
  return {
    predicted_at: new Date(timeOfPrediction(id)),
    prediction_id: id,
    index,
    tenant,
    at: new Date(at_ms),
    label: text(label),
    class_id,
  };
}

function gapRow({
  writer,
  sequence,
  dropped,
  from_ms,
  to_ms,
  cause,
}: GapRecord): InsertObject<Tables, 'gaps'> {
  return { writer, sequence, dropped, from_at: new Date(from_ms), to_at: new Date(to_ms), cause };
}
