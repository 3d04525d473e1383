import type { LiveView } from '@headgate/contracts/admin/api';
import { Hono } from 'hono';
import type { ApiEnv } from '../api-env.ts';

export interface LiveDeps {
  readonly live: () => Promise<LiveView>;
}

/** What is live now. */
export function liveRoutes({ live }: LiveDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/live', async (c) => c.json(await live()));
}
