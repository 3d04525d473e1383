import { Hono } from 'hono';
import { z } from 'zod';
import { type ApiEnv, epochMs, queryOf } from '../api-env.ts';
import { type AuditRows, placeOf } from '../audit/audit-rows.ts';

const text = z.string().min(1).max(256);

const querySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before_ms: epochMs.optional(),
  from_ms: epochMs.optional(),
  who: text.optional(),
  action: text.optional(),
  request_id: text.optional(),
  id: text.optional(),
  type: z.literal('change').optional(),
  after: text.refine((next) => placeOf(next) !== undefined, 'expected `next` of another answer').optional(),
});

/** Who did what, newest first. */
export function auditRoutes(rows: AuditRows): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/audit', async (c) => {
    const { before_ms, from_ms, request_id, id, type, after, ...query } = queryOf(c, querySchema);
    const page = await rows({
      ...query,
      requestId: request_id,
      anyId: id,
      changes: type === 'change',
      after: after === undefined ? undefined : placeOf(after),
      ...(from_ms !== undefined && { fromMs: from_ms }),
      ...(before_ms !== undefined && { beforeMs: before_ms }),
    });
    return c.json(page);
  });
}
