import {
  type CopyRun,
  type GapRecord,
  type OutcomeRecord,
  type PredictionRecord,
  type ShadowRecord,
  type StoredRecord,
  timeOfPrediction,
} from '@headgate/contracts/records';
import { isMissingTable, type Queryable } from '../postgres/database.ts';
import { migrate } from './migrations.ts';
import { createPartitions } from './partitions.ts';
import { type RecordSink, RecordsRefusedError } from './sink.ts';

export interface SqlSinkOptions {
  readonly db: Queryable;
  readonly retentionDays: number;
  /** Wall clock in ms. */
  readonly now: () => number;
  /** Told why records beyond the retention are still there; it is tried again in an hour. */
  readonly expiryFailed?: ((error: unknown) => void) | undefined;
}

/** Rows travel as one JSON text: a statement with a value for each column and row takes three times as long to plan. */
const INSERT = {
  predictions:
    'INSERT INTO predictions SELECT * FROM json_populate_recordset(null::predictions, $1) ON CONFLICT DO NOTHING',
  // The first judgement counts, and the first reward: they may come apart.
  outcomes: `
    INSERT INTO outcomes AS known SELECT * FROM json_populate_recordset(null::outcomes, $1)
    ON CONFLICT (predicted_at, prediction_id, index, tenant) DO UPDATE SET
      label = CASE WHEN known.class_id IS NULL THEN coalesce(known.label, excluded.label) ELSE known.label END,
      class_id = CASE WHEN known.label IS NULL THEN coalesce(known.class_id, excluded.class_id) ELSE known.class_id END,
      reward = coalesce(known.reward, excluded.reward)
    WHERE known.reward IS NULL AND excluded.reward IS NOT NULL
      OR known.label IS NULL AND known.class_id IS NULL AND coalesce(excluded.label, excluded.class_id::text) IS NOT NULL`,
  shadows:
    'INSERT INTO shadows SELECT * FROM json_populate_recordset(null::shadows, $1) ON CONFLICT DO NOTHING',
  gaps: 'INSERT INTO gaps SELECT * FROM json_populate_recordset(null::gaps, $1) ON CONFLICT DO NOTHING',
};
const EXPIRE_EVERY_MS = 3_600_000;

/** Keeps records in tables; the first delivery makes them. The maker of the connection closes it. */
export function sqlSink(options: SqlSinkOptions): Omit<RecordSink, 'close'> {
  const { db, retentionDays, now, expiryFailed } = options;
  let partitions = createPartitions(db, retentionDays);
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

  const insert = async (table: keyof typeof INSERT, rows: readonly object[], signal: AbortSignal) => {
    signal.throwIfAborted();
    if (rows.length > 0) await db.query(INSERT[table], [JSON.stringify(rows)]).catch(refuseData);
  };

  const store = async (records: readonly StoredRecord[], signal: AbortSignal) => {
    await prepare(records);
    const of = <R extends StoredRecord>(type: R['type']) =>
      records.filter((record): record is R => record.type === type);
    await insert('predictions', of<PredictionRecord>('prediction').map(predictionRow), signal);
    await insert('outcomes', mergedOutcomes(of<OutcomeRecord>('outcome')).map(outcomeRow), signal);
    await insert('shadows', of<ShadowRecord>('shadow').map(shadowRow), signal);
    await insert('gaps', of<GapRecord>('gap').map(gapRow), signal);
  };

  return {
    deliver: (records, signal) =>
      store(records, signal).catch((error: unknown) => {
        // The next delivery makes them again.
        if (isMissingTable(error)) [migrated, partitions] = [false, createPartitions(db, retentionDays)];
        throw error;
      }),
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

/** Neither a NUL nor half of a surrogate pair can be part of PostgreSQL's text. */
const text = (value: string | null) => value?.replaceAll('\u0000', '\ufffd').toWellFormed() ?? null;

const timeOf = (epochMs: number) => new Date(epochMs).toISOString();

function predictionRow(record: PredictionRecord) {
  const { type, v, at_ms, sketch, ...columns } = record;
  const { version, width, height, ...measured } = sketch ?? {};
  return {
    ...columns,
    ...measured,
    label: text(columns.label),
    request_id: text(columns.request_id),
    trace_id: text(columns.trace_id),
    at: timeOf(timeOfPrediction(record.id)),
    sketch_version: version,
    image_width: width,
    image_height: height,
  };
}

/** One for each item and tenant, as the statement keeps them: it may not touch a row twice. */
function mergedOutcomes(records: readonly OutcomeRecord[]): readonly OutcomeRecord[] {
  const byItem = new Map<string, OutcomeRecord>();
  for (const record of records) {
    const item = `${record.id} ${record.index} ${record.tenant}`;
    const { label, class_id, reward, ...first } = byItem.get(item) ?? record;
    const judgement =
      label !== null || class_id !== null
        ? { label, class_id }
        : { label: record.label, class_id: record.class_id };
    byItem.set(item, { ...first, ...judgement, reward: reward ?? record.reward });
  }
  return [...byItem.values()];
}

function outcomeRow({ id, index, at_ms, tenant, label, class_id, reward }: OutcomeRecord) {
  return {
    predicted_at: timeOf(timeOfPrediction(id)),
    prediction_id: id,
    index,
    tenant,
    at: timeOf(at_ms),
    label: text(label),
    class_id,
    reward,
  };
}

function shadowRow({ type, v, at_ms, shadow, noise, ...columns }: ShadowRecord) {
  return {
    ...columns,
    ...copyColumns('shadow', shadow),
    ...copyColumns('noise', noise),
    label: text(columns.label),
    at: timeOf(timeOfPrediction(columns.id)),
  };
}

function copyColumns(prefix: 'shadow' | 'noise', run: CopyRun | null) {
  const columns = Object.entries(run ?? {}).map(([name, value]) => [`${prefix}_${name}`, value]);
  return { ...Object.fromEntries(columns), [`${prefix}_label`]: text(run?.label ?? null) };
}

function gapRow({ type, v, from_ms, to_ms, ...columns }: GapRecord) {
  return { ...columns, from_at: timeOf(from_ms), to_at: timeOf(to_ms) };
}
