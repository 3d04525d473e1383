import { approveSchema, rejectSchema, rollbackSchema } from '@headgate/contracts/admin/api';
import { DAY_MS } from '@headgate/runtime/clock';
import { sketchCursorSchema, sketchPage } from '@headgate/stores/records/sketches';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Models } from '../../models/start-models.ts';
import type { ReadRecords } from '../../store/read-records.ts';
import { type ApiEnv, bodyOf, epochMs, queryOf } from '../api-env.ts';
import type { Pods } from '../live/pods.ts';
import { reading } from '../reading.ts';

export interface ModelRoutesDeps {
  readonly models: Pick<Models, 'view' | 'approve' | 'reject' | 'rollBack'>;
  readonly pods: Pick<Pods, 'refresh' | 'ofVersion'>;
  readonly readRecords: ReadRecords;
  /** Wall clock in ms. */
  readonly now: () => number;
}

/** A row has about 700 bytes. */
const MAX_ROWS = 1000;

const sketchesSchema = z.strictObject({
  from_ms: epochMs.optional(),
  to_ms: epochMs.optional(),
  after: sketchCursorSchema.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_ROWS).default(MAX_ROWS),
});

/** Versions of the models: what the registry and the routing table say of them, approval, rollback, inputs. */
export function modelRoutes({ models, pods, readRecords, now }: ModelRoutesDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get('/models', async (c) => c.json(await models.view(pods)))
    .post('/models/:model/approve', async (c) => {
      const asked = await bodyOf(c, approveSchema);
      return c.json(await models.approve(c.req.param('model'), asked, c.get('actor')), 201);
    })
    .post('/models/:model/reject', async (c) => {
      const asked = await bodyOf(c, rejectSchema);
      await models.reject(c.req.param('model'), asked, c.get('actor'));
      return c.json(await models.view(pods));
    })
    .post('/models/:model/rollback', async (c) => {
      const asked = await bodyOf(c, rollbackSchema);
      return c.json(await models.rollBack(c.req.param('model'), asked, c.get('actor')));
    })
    .get('/models/:model/sketches', async (c) => {
      const { from_ms, to_ms = now(), after, limit } = queryOf(c, sketchesSchema);
      const query = {
        model: c.req.param('model'),
        fromMs: from_ms ?? to_ms - DAY_MS,
        toMs: to_ms,
        after,
        limit,
      };
      return c.json(await reading(c, readRecords)((db) => sketchPage(db, query)));
    });
}
