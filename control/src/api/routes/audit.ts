import { Hono } from 'hono';
import { z } from 'zod';
import { type ApiEnv, epochMs, queryOf } from '../api-env.ts';
import type { AuditRows } from '../audit/audit-rows.ts';

const text = z.string().min(1).max(256);

const querySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before_ms: epochMs.optional(),
  from_ms: epochMs.optional(),
  who: text.optional(),
  action: text.optional(),
  request_id: text.optional(),
});

/** Who did what, newest first. */
export function auditRoutes(rows: AuditRows): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/audit', async (c) => {
    const { limit, before_ms, from_ms, who, action, request_id } = queryOf(c, querySchema);
    const entries = await rows({
      limit,
      who,
      action,
      requestId: request_id,
      ...(from_ms !== undefined && { fromMs: from_ms }),
      ...(before_ms !== undefined && { beforeMs: before_ms }),
    });
    return c.json({ entries });
  });
}
