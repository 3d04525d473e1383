import { Hono } from 'hono';
import { type RequestViewDeps, requestView } from '../../experiments/request-view.ts';
import type { ReadRecords } from '../../store/read-records.ts';
import type { ApiEnv } from '../api-env.ts';
import type { AuditRows } from '../audit/audit-rows.ts';
import { reading } from '../reading.ts';

export interface RequestDeps extends Pick<RequestViewDeps, 'now'> {
  readonly readRecords: ReadRecords;
  readonly rows: AuditRows;
}

/** A request has one record of its call, and few changes. */
const MAX_ROWS = 100;

/** One request, by the id that the caller has. */
export function requestRoutes({ readRecords, rows, now }: RequestDeps): Hono<ApiEnv> {
  // The records of the request are worth showing without those of the audit log.
  const auditOf: RequestViewDeps['auditOf'] = async (anyId, fromMs) => {
    const page = await rows({ anyId, fromMs, limit: MAX_ROWS }).catch(() => undefined);
    return page?.entries ?? [];
  };
  return new Hono<ApiEnv>().get('/requests/:id', async (c) =>
    c.json(await reading(c, readRecords)((db) => requestView({ db, auditOf, now }, c.req.param('id')))),
  );
}
