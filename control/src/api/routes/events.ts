import { Hono } from 'hono';
import type { ApiEnv } from '../api-env.ts';
import type { EventFeed } from '../events/feed.ts';

/** Server-sent events: `live` each second, `routing` and `rollout` when they change. */
export function eventRoutes(feed: EventFeed): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/events', (c) => {
    // Nobody would ever read, or end, the stream of a HEAD.
    if (c.req.method !== 'GET') return c.body(null, 405, { allow: 'GET' });
    const stream = feed.open(c.get('actor'), c.get('isIn'));
    return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  });
}
