import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { ADMIN_KEY, adminApp, ORIGIN, problemOf } from '../../testing/admin-app.ts';
import type { ApiEnv } from '../api-env.ts';
import { reading } from '../reading.ts';

/** An app whose route never ends by itself, and the signal that the route got. */
function slowApp() {
  const begun = Promise.withResolvers<AbortSignal | undefined>();
  const done = Promise.withResolvers<void>();
  const group = new Hono<ApiEnv>().all('/slow', async (c) => {
    begun.resolve(c.get('signal'));
    await done.promise;
    return c.text('done');
  });
  const { app, clock } = adminApp({ groups: [group] });
  const send = (method: string, signal: AbortSignal = new AbortController().signal) => {
    const headers = { 'x-api-key': ADMIN_KEY };
    return app.request(`${ORIGIN}/api/v1/slow`, { method, headers, signal });
  };
  return { clock, begun: begun.promise, done: done.resolve, send };
}

it('answers a read after 60 s, and tells it to stop', async () => {
  const { clock, begun, send } = slowApp();
  const answer = send('GET');
  const signal = await begun;
  clock.advance(59_999);
  expect(signal?.aborted).toBe(false);
  clock.advance(1);
  expect(signal?.aborted).toBe(true);
  expect(await problemOf(await answer)).toMatchObject({ status: 503, reason: 'store_unavailable' });
});

it('tells a read to stop whose caller has left', async () => {
  const { begun, send } = slowApp();
  const caller = new AbortController();
  const answer = send('GET', caller.signal);
  const signal = await begun;
  caller.abort();
  expect(signal?.aborted).toBe(true);
  await answer;
});

it('lets a change end, and answers what came of it', async () => {
  const { clock, begun, done, send } = slowApp();
  const caller = new AbortController();
  const answer = send('PUT', caller.signal);
  expect(await begun).toBeUndefined();
  clock.advance(3_600_000);
  caller.abort();
  done();
  expect(await (await answer).text()).toBe('done');
});

it('begins no statement in the store once the caller has left', async () => {
  const asked: string[] = [];
  const db = { query: async (sql: string) => void asked.push(sql), script: async () => undefined };
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<unknown>();
  const group = new Hono<ApiEnv>().get('/two', async (c) => {
    await reading(c, (ask) => ask(db as never))(async ({ query }) => {
      await query('first', []);
      first.resolve();
      await new Promise((resolve) => c.get('signal')?.addEventListener('abort', resolve));
      second.resolve(await query('second', []).catch((error) => error.reason));
    });
    return c.text('done');
  });
  const { app } = adminApp({ groups: [group] });
  const caller = new AbortController();
  const headers = { 'x-api-key': ADMIN_KEY };
  const answer = app.request(`${ORIGIN}/api/v1/two`, { headers, signal: caller.signal });
  await first.promise;
  caller.abort();
  expect([await second.promise, asked]).toEqual(['store_unavailable', ['first']]);
  await answer;
});
