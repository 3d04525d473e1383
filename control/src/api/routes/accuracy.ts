import type { AccuracyRow } from '@headgate/contracts/admin/api';
import { DAY_MS } from '@headgate/runtime/clock';
import type { AccuracyQuery } from '@headgate/stores/records/accuracy';
import { Hono } from 'hono';
import { z } from 'zod';
import { type ApiEnv, queryOf } from '../api-env.ts';

const time = z.coerce.number().int().min(0).max(Date.UTC(9999, 0));
const querySchema = z.strictObject({
  model: z.string().min(1).max(64).optional(),
  from_ms: time.optional(),
  to_ms: time.optional(),
});

const LOOK_BACK_MS = 7 * DAY_MS;

export interface AccuracyDeps {
  readonly accuracy: (query: AccuracyQuery) => Promise<readonly AccuracyRow[]>;
  /** Wall clock in ms. */
  readonly now: () => number;
}

/** How often each version was right; of the last week, unless the caller names a time. */
export function accuracyRoutes({ accuracy, now }: AccuracyDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/accuracy', async (c) => {
    const { model, from_ms, to_ms = now() } = queryOf(c, querySchema);
    const fromMs = from_ms ?? to_ms - LOOK_BACK_MS;
    return c.json({ accuracy: await accuracy({ model, fromMs, toMs: to_ms }) });
  });
}
