import type { AuditRow } from '@headgate/contracts/admin/api';
import type { AuditRecord } from '@headgate/journal/audit/chain';
import { isMissingTable, type Queryable } from '@headgate/stores/postgres/database';
import { type AuditQuery, rowOf } from './rows.ts';

/** The index by time gives the newest first; a rare name may take it through everything in that time. */
const NEWEST = `
  SELECT fact FROM audit.facts
  WHERE at >= $1 AND at < $2 AND fact->>'type' <> 'anchor'
    AND ($3::text[] IS NULL OR fact->>'who' = ANY ($3))
    AND ($4::text IS NULL OR position(lower($4) IN lower(
      coalesce(fact->>'action', fact->>'of', (fact->>'method') || ' ' || (fact->>'route'), 'lost records')
    )) > 0)
    AND ($5::text IS NULL OR fact->>'request_id' = $5)
    AND ($11::text IS NULL OR $11 IN (fact->>'request_id', fact->>'id', fact->>'trace_id'))
    AND (NOT $6 OR fact->>'type' = 'change')
    AND ($7::timestamptz IS NULL OR at < $7 OR at = $7 AND (writer COLLATE "C", -seq) > ($8, -$9::bigint))
  ORDER BY at DESC, writer COLLATE "C", seq DESC LIMIT $10`;

/** Rows of the audit store, newest first. */
export async function storedRows(db: Queryable, query: AuditQuery): Promise<readonly AuditRow[]> {
  const {
    fromMs,
    beforeMs,
    who = null,
    action = null,
    requestId = null,
    anyId = null,
    changes = false,
    after,
  } = query;
  // The index by time serves `after` too.
  const untilMs = after ? Math.min(beforeMs, after.at_ms + 1) : beforeMs;
  const times = [new Date(fromMs), new Date(untilMs)];
  const place = after ? [new Date(after.at_ms), after.writer, after.seq] : [null, null, null];
  const values = [...times, who, action, requestId, changes, ...place, query.limit, anyId];
  const { rows } = await db.query(NEWEST, values).catch((error) => {
    // Nothing has been stored yet.
    if (isMissingTable(error)) return { rows: [] };
    throw error;
  });
  return (rows as { readonly fact: AuditRecord }[]).flatMap(({ fact }) => rowOf(fact) ?? []);
}
