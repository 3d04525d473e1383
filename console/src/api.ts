import type * as Api from '@headgate/contracts/admin/api';
import { API_BASE, CSRF_HEADER } from '@headgate/contracts/admin/http';
import { signal } from '@preact/signals';

export interface Failure {
  /** 0 without an answer. */
  readonly status: number;
  readonly reason: Api.AdminReason | 'unreachable';
  /** What is wrong and what to do about it, in words. */
  readonly detail: string;
}

/** Failures are values: each caller shows them in its place. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export type SessionState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'in'; readonly session: Api.Session }
  /** `expired`: there was a session; the page stays as it is behind the login. */
  | { readonly kind: 'out'; readonly expired: boolean };

export const session = signal<SessionState>({ kind: 'unknown' });

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export function apiUrl(path: string): string {
  return `${API_BASE}${path}`;
}

/**
 * Calls the admin API. An answer 401 shows the login.
 *
 * @param path below the base, with its parts encoded
 */
export async function call<T>(
  method: Method,
  path: string,
  { body, signal }: { body?: unknown; signal?: AbortSignal } = {},
): Promise<Result<T>> {
  const result = await send<T>(method, path, body, signal);
  const isLogin = method === 'POST' && path === '/session';
  if (!result.ok && result.failure.status === 401 && !isLogin) {
    const { value: before } = session;
    session.value = { kind: 'out', expired: before.kind === 'out' ? before.expired : before.kind === 'in' };
  }
  return result;
}

/** Asks once whether the cookie of the browser is a session. */
export async function findSession(): Promise<Result<Api.Session>> {
  const found = await call<Api.Session>('GET', '/session');
  if (found.ok) session.value = { kind: 'in', session: found.value };
  return found;
}

export async function logIn(key: string): Promise<Result<Api.Session>> {
  const begun = await call<Api.Session>('POST', '/session', { body: { key } });
  if (begun.ok) session.value = { kind: 'in', session: begun.value };
  return begun;
}

export async function logOut(): Promise<Result<unknown>> {
  const ended = await call('DELETE', '/session');
  if (ended.ok) session.value = { kind: 'out', expired: false };
  return ended;
}

async function send<T>(
  method: Method,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Result<T>> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'GET' && session.value.kind === 'in') headers[CSRF_HEADER] = session.value.session.csrf;
  try {
    const init: RequestInit = { method, headers, signal: signal ?? null };
    if (body !== undefined) init.body = JSON.stringify(body);
    const response = await fetch(apiUrl(path), init);
    const text = await response.text();
    if (response.ok) return { ok: true, value: text === '' ? (undefined as T) : parse<T>(text) };
    return { ok: false, failure: failureOf(response.status, text) };
  } catch {
    const detail = 'Control does not answer. Check that it runs: headgate doctor';
    return { ok: false, failure: { status: 0, reason: 'unreachable', detail } };
  }
}

/** Marks that turn the direction of text. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** What control sent. Marks by which one name could pass for another, or turn its sentence, are there as `\u202e`. */
export function parse<T>(text: string): T {
  return JSON.parse(text, (_, value) =>
    typeof value === 'string'
      ? value.replace(TURNS, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : value,
  );
}

/** What an answer that is not 2xx says; a proxy's page is no problem document. */
export function failureOf(status: number, text: string): Failure {
  try {
    const { reason, detail } = parse<Api.Problem>(text);
    if (typeof reason === 'string' && typeof detail === 'string') return { status, reason, detail };
  } catch {
    // Not JSON.
  }
  return { status, reason: 'internal', detail: `Control answered with status ${status}. Its log says why.` };
}
