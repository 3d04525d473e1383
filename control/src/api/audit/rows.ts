import type { AuditRow } from '@headgate/contracts/admin/api';
import type { AuditRecord } from '@headgate/journal/audit/chain';

/** Where a row is. Rows have an order also within a millisecond. */
export type AuditPlace = Pick<AuditRow, 'at_ms' | 'writer' | 'seq'>;

/** Which rows are asked for. Times in ms since the Unix epoch. */
export interface AuditQuery {
  readonly limit: number;
  /** Included. */
  readonly fromMs: number;
  /** Excluded. */
  readonly beforeMs: number;
  /** Only rows that come later in the order, newest first. */
  readonly after?: AuditPlace | undefined;
  /** Names as the log has them, any of which. */
  readonly who?: readonly string[] | undefined;
  /** Only changes: no calls, counts or gaps. */
  readonly changes?: boolean | undefined;
  /** Part of the action, in any case. */
  readonly action?: string | undefined;
  readonly requestId?: string | undefined;
  /** Of a prediction, of a request, or of a trace. */
  readonly anyId?: string | undefined;
}

/** A record as a row; undefined for anchors, which say nothing about anybody. */
export function rowOf(record: AuditRecord): AuditRow | undefined {
  const { at_ms, writer, seq } = record;
  if (record.type === 'anchor') return undefined;
  const place = { at_ms, writer, seq, type: record.type };
  switch (record.type) {
    case 'call': {
      const { who, method, route, status, reason, request_id, id = null, trace_id = null, address } = record;
      const detail = address === null ? {} : { address };
      return {
        ...place,
        who,
        action: `${method} ${route}`,
        outcome: String(status),
        reason,
        request_id,
        id,
        trace_id,
        detail,
      };
    }
    case 'change': {
      const { who, action, outcome, request_id } = record;
      const { why, ...detail } = record.detail;
      const reason = why === undefined ? null : String(why);
      return { ...place, who, action, outcome, reason, request_id, id: null, trace_id: null, detail };
    }
    case 'aggregate': {
      const { of, calls, addresses, reasons } = record;
      return {
        ...place,
        ...NOBODY,
        action: of,
        outcome: 'counted',
        detail: { calls, addresses, ...reasons },
      };
    }
    case 'gap': {
      const { dropped, cause } = record;
      return {
        ...place,
        ...NOBODY,
        action: 'lost records',
        outcome: 'lost',
        reason: cause,
        detail: { dropped },
      };
    }
  }
}

const NOBODY = { who: null, reason: null, request_id: null, id: null, trace_id: null } as const;

/** Whether a row is asked for; the store decides the same in SQL. */
export function fits(row: AuditRow, query: AuditQuery): boolean {
  const { fromMs, beforeMs, after, who, changes, action, requestId, anyId } = query;
  return (
    row.at_ms >= fromMs &&
    row.at_ms < beforeMs &&
    (after === undefined || newestFirst(after, row) < 0) &&
    (who === undefined || (row.who !== null && who.includes(row.who))) &&
    (!changes || row.type === 'change') &&
    (action === undefined || row.action.toLowerCase().includes(action.toLowerCase())) &&
    (requestId === undefined || row.request_id === requestId) &&
    (anyId === undefined || [row.request_id, row.id, row.trace_id].includes(anyId))
  );
}

/** Newest first; those of one moment by writer, the last one of each first. */
export function newestFirst(a: AuditPlace, b: AuditPlace): number {
  return b.at_ms - a.at_ms || (a.writer < b.writer ? -1 : a.writer > b.writer ? 1 : b.seq - a.seq);
}
