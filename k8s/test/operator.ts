import { equal, match } from 'node:assert/strict';
import { API_BASE, CSRF_HEADER, type Session } from '@headgate/contracts/admin/api';
import { PORT_OFFSET } from '@headgate/contracts/names';
import { forward } from '../deploy/forward.ts';
import type { Context } from './scenario.ts';

/** An operator at the console of one pod, whose browser has a session. */
export interface Operator {
  /** Calls the admin API. @throws Error with the answer, unless it is a success */
  ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>;
}

const PORT = 8440 + PORT_OFFSET.control;
const JSON_TYPE = { 'content-type': 'application/json' };

/** Opens the console of a control pod by `kubectl port-forward`, and logs in with the admin key. */
export async function logIn({ kube, adminKey, signal, cleanUp }: Context, pod: string): Promise<Operator> {
  const forwarded = await forward(kube, `pod/${pod}`, PORT, signal);
  cleanUp(async () => forwarded[Symbol.asyncDispose]());
  const origin = `http://127.0.0.1:${forwarded.port}`;
  const page = await fetch(`${origin}/console/`, { signal });
  equal(page.status, 200, 'the console is not served');
  match(await page.text(), /<script/);
  const login = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ key: adminKey }), signal };
  const session = await fetch(`${origin}${API_BASE}/session`, login);
  equal(session.status, 200, 'the admin key is not accepted');
  const [cookie = ''] = session.headers.getSetCookie();
  const { csrf } = (await session.json()) as Session;
  const headers = { ...JSON_TYPE, cookie: cookie.split(';')[0] ?? '', [CSRF_HEADER]: csrf };
  return {
    async ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
      const options = { method, headers, signal, ...(body && { body: JSON.stringify(body) }) };
      const answer = await fetch(`${origin}${API_BASE}${path}`, options);
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return JSON.parse(text) as T;
    },
  };
}
