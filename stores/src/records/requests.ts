import type { RequestItem } from '@headgate/contracts/admin/api';
import { timeOfPrediction } from '@headgate/contracts/records';
import type { Queryable } from '../postgres/database.ts';

export interface StoredRequest {
  /** Prediction id. */
  readonly id: string;
  readonly atMs: number;
  readonly model: string;
  /** Null in records of before there were any. */
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly items: readonly RequestItem[];
}

const ITEMS = `
  SELECT p.id, p.at, p.model, p.request_id, p.trace_id, p.index, p.version, p.variant, p.assigned_variant, p.experiment, p.outcome,
    p.latency_ms, p.label, p.score, p.image_sha256, p.image_bytes, p.tenant, p.unit, o.at AS said_at, o.label AS said_label,
    o.class_id AS said_class_id, o.reward AS said_reward
  FROM predictions p LEFT JOIN outcomes o
    ON o.predicted_at = p.at AND o.prediction_id = p.id AND o.index = p.index AND o.tenant = p.tenant`;
const BY_ID = `${ITEMS} WHERE p.at = $1 AND p.id = $2 ORDER BY p.index`;
/** A caller may use a request id or a trace again: the latest request is meant. */
const BY_REQUEST = `${ITEMS} WHERE p.at >= $1 AND p.at < $2 AND (p.request_id = $3 OR p.trace_id = $3) ORDER BY p.at DESC, p.id, p.index LIMIT 1024`;

/** @param id a UUIDv7 */
export async function requestById(db: Queryable, id: string): Promise<StoredRequest | undefined> {
  return requestOf((await db.query(BY_ID, [new Date(timeOfPrediction(id)), id])).rows);
}

/** By a request id or a trace id. Reads every record of that time: there is no index on them. */
export async function requestByOtherId(
  db: Queryable,
  id: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<StoredRequest | undefined> {
  return requestOf((await db.query(BY_REQUEST, [new Date(fromMs), new Date(toMs), id])).rows);
}

type ItemRow = Omit<RequestItem, 'feedback'> & {
  readonly id: string;
  readonly at: Date;
  readonly model: string;
  readonly request_id: string | null;
  readonly trace_id: string | null;
  readonly said_at: Date | null;
  readonly said_label: string | null;
  readonly said_class_id: number | null;
  readonly said_reward: number | null;
};

function requestOf(rows: readonly unknown[]): StoredRequest | undefined {
  const [first] = rows as readonly ItemRow[];
  if (!first) return undefined;
  const items = (rows as readonly ItemRow[]).filter(({ id }) => id === first.id).map(itemOf);
  const { id, at, model, request_id: requestId, trace_id: traceId } = first;
  return { id, atMs: at.getTime(), model, requestId, traceId, items };
}

function itemOf(row: ItemRow): RequestItem {
  const { id, at, model, request_id, trace_id, said_at, said_label, said_class_id, said_reward, ...item } =
    row;
  const feedback = said_at && {
    at_ms: said_at.getTime(),
    label: said_label,
    class_id: said_class_id,
    reward: said_reward,
  };
  return { ...item, feedback };
}
