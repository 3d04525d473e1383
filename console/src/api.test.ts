import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { call, failureOf, findSession, logIn, logOut, parse, session } from './api.ts';

const SESSION = { key_id: 'k1', csrf: 'token', expires_at_ms: 0 };
const REFUSED = { status: 401, title: 'x', reason: 'unauthenticated', detail: 'Log in first.' };

let answer: () => Promise<Response>;
const sent: { path: string; init: RequestInit }[] = [];

beforeEach(() => {
  session.value = { kind: 'unknown' };
  sent.length = 0;
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    sent.push({ path, init });
    return answer();
  });
});
afterEach(() => vi.unstubAllGlobals());

const answers = (status: number, body?: unknown) => {
  answer = async () => new Response(body === undefined ? null : JSON.stringify(body), { status });
};

it('shows the token of the session with changes, and with nothing else', async () => {
  answers(200, SESSION);
  await logIn('hg_key');
  await call('GET', '/live');
  await call('PUT', '/routing/digits/weights', { body: {} });
  const tokens = sent.map(({ init }) => new Headers(init.headers).get('x-headgate-csrf'));
  expect(tokens).toEqual([null, null, 'token']);
  expect(sent[2]?.path).toBe('/api/v1/routing/digits/weights');
});

it('asks for a login, and knows an expired session from none', async () => {
  answers(401, REFUSED);
  await findSession();
  expect(session.value).toEqual({ kind: 'out', expired: false });
  session.value = { kind: 'in', session: SESSION };
  await call('GET', '/live');
  await call('GET', '/audit');
  expect(session.value).toEqual({ kind: 'out', expired: true });
  expect(await logIn('wrong')).toMatchObject({ ok: false, failure: { detail: 'Log in first.' } });
  expect(session.value).toEqual({ kind: 'out', expired: true });
});

it('forgets the session after a logout', async () => {
  session.value = { kind: 'in', session: SESSION };
  answers(204);
  await logOut();
  expect(session.value).toEqual({ kind: 'out', expired: false });
});

it('returns as a value that nobody answers', async () => {
  answer = () => Promise.reject(new TypeError('Failed to fetch'));
  expect(await call('GET', '/live')).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
});

it('needs no problem document to say what failed', () => {
  expect(failureOf(401, JSON.stringify(REFUSED))).toMatchObject({ reason: 'unauthenticated' });
  expect(failureOf(502, '<html>Bad gateway')).toMatchObject({ reason: 'internal', status: 502 });
  expect(failureOf(500, '{}').detail).toContain('500');
});

it('shows marks that turn the direction of text', () => {
  const name = 'safe\u202egnp.exe\u2066';
  expect(parse(JSON.stringify({ label: [name], count: 1 }))).toEqual({
    label: ['safe\\u202egnp.exe\\u2066'],
    count: 1,
  });
  expect(failureOf(400, JSON.stringify({ reason: 'invalid', detail: '\u200fa' })).detail).toBe('\\u200fa');
});
