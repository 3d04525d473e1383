import type { RequestView } from '@headgate/contracts/admin/api';
import { Hono } from 'hono';
import type { ApiEnv } from '../api-env.ts';

export interface RequestDeps {
  /** @throws AdminError not_found, store_unavailable */
  readonly request: (id: string) => Promise<RequestView>;
}

/** One request, by the id that the caller has. */
export function requestRoutes({ request }: RequestDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/requests/:id', async (c) => c.json(await request(c.req.param('id'))));
}
