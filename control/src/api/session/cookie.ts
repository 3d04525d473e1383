import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { ApiContext } from '../api-env.ts';

const LOOPBACK = /^(localhost|127\.[0-9.]+|\[::1\])$/;

/** Browsers keep the cookies of all ports of a host together. */
const nameFor = (c: ApiContext) => `headgate_session_${new URL(c.req.url).port || 'default'}`;

/** No script reads it, no other site sends it, and off this machine it travels over TLS alone. */
function attributesFor(c: ApiContext) {
  const { protocol, hostname } = new URL(c.req.url);
  const secure = protocol === 'https:' || !LOOPBACK.test(hostname);
  return { httpOnly: true, sameSite: 'Strict', path: '/', secure } as const;
}

/** A cookie of the browser session: the server knows when it ends. */
export const setSessionCookie = (c: ApiContext, id: string): void =>
  setCookie(c, nameFor(c), id, attributesFor(c));

export const dropSessionCookie = (c: ApiContext): void => void deleteCookie(c, nameFor(c), attributesFor(c));

export const sessionIdOf = (c: ApiContext): string | undefined => getCookie(c, nameFor(c));
