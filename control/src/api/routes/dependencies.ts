import { Hono } from 'hono';
import type { ApiEnv } from '../api-env.ts';
import type { Dependencies } from '../dependencies/dependencies.ts';

/** What Headgate depends on, and what to do about what is missing. */
export function dependencyRoutes(dependencies: Pick<Dependencies, 'all'>): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/dependencies', async (c) =>
    c.json({ dependencies: await dependencies.all() }),
  );
}
