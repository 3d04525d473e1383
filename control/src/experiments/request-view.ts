import type { AuditRow, RequestView } from '@headgate/contracts/admin/api';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { requestById, requestByOtherId, type StoredRequest } from '@headgate/stores/records/requests';
import { z } from 'zod';
import { AdminError } from '../api/api-env.ts';

export interface RequestViewDeps {
  /** The store of records. */
  readonly db: Queryable;
  /** Audit records of a request; empty where the audit log is not in a store, or the store is away. */
  readonly auditOf: (anyId: string, fromMs: number) => Promise<readonly AuditRow[]>;
  /** Wall clock in ms. */
  readonly now: () => number;
}

/** How far a record's time may be from that of its audit record: a request takes less. */
const MARGIN_MS = 600_000;
/** Where no audit record tells the time of a request, only its last day is searched. */
const LOOK_BACK_MS = DAY_MS;

const predictionId = z.uuidv7();
/** What a gateway takes for a request id; any other is replaced. */
const requestId = z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/);

/**
 * One request, by the id of its prediction, its request id or its trace id. Records of before there were request ids have
 * no audit records here, and calls that left no record have audit records alone.
 *
 * @throws AdminError not_found
 */
export async function requestView(deps: RequestViewDeps, id: string): Promise<RequestView> {
  const found = await byPrediction(deps, id);
  const view = found ?? (await byRequest(deps, id));
  if (view) return view;
  throw new AdminError(
    'not_found',
    'No prediction has this id, and no request of the last day or of the audit log. Records end after records.retention_days.',
  );
}

async function byPrediction(deps: RequestViewDeps, id: string): Promise<RequestView | undefined> {
  if (!predictionId.safeParse(id).success) return undefined;
  const stored = await requestById(deps.db, id.toLowerCase());
  if (!stored) return undefined;
  const audit =
    stored.requestId === null ? [] : await deps.auditOf(stored.requestId, stored.atMs - MARGIN_MS);
  return viewOf(stored, 'id', audit.filter(isNear(stored.atMs)));
}

async function byRequest(deps: RequestViewDeps, id: string): Promise<RequestView | undefined> {
  if (!requestId.safeParse(id).success) return undefined;
  const nowMs = deps.now();
  const audit = await deps.auditOf(id, 0);
  const latestMs = Math.max(...audit.map(({ at_ms }) => at_ms));
  const [fromMs, toMs] =
    audit.length > 0
      ? [latestMs - MARGIN_MS, latestMs + MARGIN_MS]
      : [nowMs - LOOK_BACK_MS, nowMs + MARGIN_MS];
  const stored = await requestByOtherId(deps.db, id, { fromMs, toMs });
  if (stored) {
    const by = stored.requestId === id ? 'request_id' : 'trace_id';
    return viewOf(stored, by, audit.filter(isNear(stored.atMs)));
  }
  const [call] = audit;
  if (!call) return undefined;
  const by = call.request_id === id ? 'request_id' : call.trace_id === id ? 'trace_id' : 'id';
  const { request_id, trace_id } = call;
  const found = { id: call.id ?? id, found_by: by, request_id, trace_id } as const;
  return { ...found, at_ms: latestMs, model: '', items: [], audit: oldestFirst(audit) };
}

const isNear =
  (atMs: number) =>
  ({ at_ms }: AuditRow) =>
    Math.abs(at_ms - atMs) <= MARGIN_MS;

function viewOf(
  { id, atMs, model, requestId, traceId, items }: StoredRequest,
  by: RequestView['found_by'],
  audit: readonly AuditRow[],
): RequestView {
  const ids = { id, found_by: by, request_id: requestId, trace_id: traceId };
  return { ...ids, at_ms: atMs, model, items, audit: oldestFirst(audit) };
}

const oldestFirst = (rows: readonly AuditRow[]) =>
  rows.toSorted((a, b) => a.at_ms - b.at_ms || a.seq - b.seq);
