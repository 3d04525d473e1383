import { DAY_MS } from '@headgate/runtime/clock';
import { Hono } from 'hono';
import { z } from 'zod';
import { accuracyOf } from '../../experiments/accuracy.ts';
import type { ReadRecords } from '../../store/read-records.ts';
import { type ApiEnv, epochMs, queryOf } from '../api-env.ts';
import { reading } from '../reading.ts';

const querySchema = z.strictObject({
  model: z.string().min(1).max(64).optional(),
  from_ms: epochMs.optional(),
  to_ms: epochMs.optional(),
});

const LOOK_BACK_MS = 7 * DAY_MS;

export interface AccuracyDeps {
  readonly readRecords: ReadRecords;
  /** Wall clock in ms. */
  readonly now: () => number;
}

/** How often each version was right; of the last week, unless the caller names a time. */
export function accuracyRoutes({ readRecords, now }: AccuracyDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/accuracy', async (c) => {
    const { model, from_ms, to_ms = now() } = queryOf(c, querySchema);
    const fromMs = from_ms ?? to_ms - LOOK_BACK_MS;
    const accuracy = await reading(c, readRecords)((db) => accuracyOf(db, { model, fromMs, toMs: to_ms }));
    return c.json({ accuracy });
  });
}
