import { API_BASE } from '@headgate/contracts/admin/api';
import { Hono } from 'hono';
import type { ApiContext, ApiEnv } from '../api/api-env.ts';
import { notFound, onError } from '../api/errors.ts';

/** What a route answers: JSON, or what it makes of the request. It may throw an AdminError. */
type Answer = object | ((c: ApiContext) => object | Promise<object>);

/** `METHOD path` → answer; paths are relative to the base of the admin API. */
export type Answers = Readonly<Record<string, Answer>>;

/** A control whose answers a test writes, without a socket. Refusals have the form of the real one. */
export function fakeControl(answers: Answers) {
  const calls: { readonly call: string; readonly body: unknown }[] = [];
  const app = new Hono<ApiEnv>();
  for (const [route, answer] of Object.entries(answers)) {
    const [method = '', path = ''] = route.split(' ');
    app.on(method, `${API_BASE}${path}`, async (c) => {
      const { pathname, search } = new URL(c.req.url);
      const body: unknown = method === 'GET' ? undefined : await c.req.json();
      calls.push({ call: `${method} ${pathname.slice(API_BASE.length)}${search}`, body });
      const given = typeof answer === 'function' ? await answer(c) : answer;
      return given instanceof Response ? given : c.json(given);
    });
  }
  app.notFound(notFound);
  app.onError(onError({ error: () => undefined }));
  const fetch: typeof globalThis.fetch = async (input, init) => app.request(new Request(input, init));
  return { fetch, calls };
}
