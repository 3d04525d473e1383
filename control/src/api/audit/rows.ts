import type { AuditRow } from '@headgate/contracts/admin/api';
import type { AuditRecord } from '@headgate/journal/audit/chain';
import { keyName } from '@headgate/journal/audit/pseudonyms';

/** Which rows are asked for. Times in ms since the Unix epoch. */
export interface AuditQuery {
  readonly limit: number;
  /** Included. */
  readonly fromMs: number;
  /** Excluded. */
  readonly beforeMs: number;
  /** Name as the log has it, or the id of an API key. */
  readonly who?: string | undefined;
  /** Part of the action, in any case. */
  readonly action?: string | undefined;
  readonly requestId?: string | undefined;
}

/** A record as a row; undefined for anchors, which say nothing about anybody. */
export function rowOf(record: AuditRecord): AuditRow | undefined {
  const { at_ms, writer, seq } = record;
  const place = { at_ms, writer, seq };
  switch (record.type) {
    case 'call': {
      const { who, method, route, status, reason, request_id, address } = record;
      const detail = address === null ? {} : { address };
      return {
        ...place,
        who,
        action: `${method} ${route}`,
        outcome: String(status),
        reason,
        request_id,
        detail,
      };
    }
    case 'change': {
      const { who, action, outcome, request_id, detail } = record;
      return { ...place, who, action, outcome, reason: null, request_id, detail };
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
    case 'anchor':
      return undefined;
  }
}

const NOBODY = { who: null, reason: null, request_id: null } as const;

/** Whether a row is asked for; the store decides the same in SQL. */
export function fits(row: AuditRow, { fromMs, beforeMs, who, action, requestId }: AuditQuery): boolean {
  return (
    row.at_ms >= fromMs &&
    row.at_ms < beforeMs &&
    (who === undefined || row.who === who || row.who === keyName(who)) &&
    (action === undefined || row.action.toLowerCase().includes(action.toLowerCase())) &&
    (requestId === undefined || row.request_id === requestId)
  );
}

/** Newest first; of one moment those of a writer in the order of its log. */
export function newestFirst(a: AuditRow, b: AuditRow): number {
  return b.at_ms - a.at_ms || (a.writer < b.writer ? -1 : a.writer > b.writer ? 1 : b.seq - a.seq);
}
