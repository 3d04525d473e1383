import { OPERATOR_HEADER } from '@headgate/contracts/admin/api';
import { noAudit } from '@headgate/journal/audit/sink';
import { describe, expect, it } from 'vitest';
import { ADMIN_KEY, adminApp, CLIENT_KEY, problemOf, secret } from '../testing/admin-app.ts';
import { AdminError } from './api-env.ts';
import { keysOf } from './session/keys-of.ts';

describe('a session', () => {
  it('begins with an admin key, is told to its browser, and ends with a logout', async () => {
    const { api, login, changes } = adminApp();
    const { session, cookie, csrf } = await login();
    expect(session).toMatchObject({ key_id: 'admin1', expires_at_ms: expect.any(Number) });
    expect((await api('GET', '/session', cookie)).status).toBe(200);
    expect((await api('GET', '/live', cookie)).status).toBe(200);
    expect((await api('DELETE', '/session', { ...cookie, ...csrf })).status).toBe(204);
    expect((await api('GET', '/session', cookie)).status).toBe(401);
    expect(changes.map(({ action, outcome, keyId }) => [action, outcome, keyId])).toEqual([
      ['session.start', 'accepted', 'admin1'],
      ['session.end', 'accepted', 'admin1'],
    ]);
  });

  it('ends after 30 minutes without use, and after 8 hours', async () => {
    const { api, login, clock } = adminApp();
    const minutes = (count: number) => clock.advance(count * 60_000);
    const { cookie } = await login();
    for (let hours = 0; hours < 16; hours += 1) {
      minutes(29.9);
      expect((await api('GET', '/session', cookie)).status).toBe(200);
    }
    minutes(5);
    expect((await api('GET', '/session', cookie)).status).toBe(401);
    const { cookie: idle } = await login();
    minutes(30);
    const answer = await api('GET', '/session', idle);
    expect([answer.status, (await problemOf(answer)).reason]).toEqual([401, 'unauthenticated']);
  });

  it('is used by its open stream of events, and ends after 8 hours with it', async () => {
    const { api, login, clock } = adminApp();
    const { cookie } = await login();
    const reader = (await api('GET', '/events', cookie)).body?.getReader();
    const pass = async () => {
      clock.advance(25 * 60_000);
      return (await reader?.read())?.done;
    };
    await reader?.read();
    for (let minutes = 0; minutes < 475; minutes += 25) expect(await pass()).toBe(false);
    expect((await api('GET', '/session', cookie)).status).toBe(200);
    await pass();
    expect(await pass()).toBe(true);
    expect((await api('GET', '/session', cookie)).status).toBe(401);
  });

  it('begins though the audit log takes nothing, and says so in the log', async () => {
    const { login, errors } = adminApp({
      audit: { ...noAudit, change: () => Promise.reject(new Error('full')) },
    });
    expect((await login()).response.status).toBe(200);
    expect(errors).toHaveLength(1);
  });
});

describe('without a browser', () => {
  it('an admin key, or the internal secret with a name, says who asks', async () => {
    const { api } = adminApp();
    expect((await api('GET', '/live', { 'x-api-key': ADMIN_KEY })).status).toBe(200);
    const operator = { ...secret.header, [OPERATOR_HEADER]: 'alice' };
    expect((await api('GET', '/live', operator)).status).toBe(200);
    expect((await api('GET', '/live', secret.header)).status).toBe(400);
    expect((await api('GET', '/live', { [OPERATOR_HEADER]: 'alice' })).status).toBe(401);
    expect((await api('GET', '/live', { 'x-api-key': CLIENT_KEY })).status).toBe(403);
    expect((await api('GET', '/session', operator)).status).toBe(404);
  });
});

it('answers an unexpected error without its cause, which the log has', async () => {
  const { api, errors } = adminApp({ live: () => Promise.reject(new Error('password in here')) });
  const answer = await api('GET', '/live', { 'x-api-key': ADMIN_KEY });
  expect(answer.status).toBe(500);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(await answer.text()).not.toContain('password');
  expect(errors).toMatchObject([{ err: { message: 'password in here' }, path: '/api/v1/live' }]);
});

it('lets nobody in, and goes on, without a keys file', () => {
  const errors: unknown[] = [];
  const logger = { info: () => undefined, error: (fields: unknown) => void errors.push(fields) };
  const keys = keysOf('/nowhere/keys.yaml', logger as never);
  expect([keys.find('admin1'), errors]).toMatchObject([undefined, [{ err: { name: 'FileError' } }]]);
  keys.stop();
});

it('a process that does not lead closes the connection, so that the next one may reach the leader', async () => {
  const live = () => Promise.reject(new AdminError('not_leader', 'The pod control-2 leads.'));
  const { api, login } = adminApp({ live });
  const answer = await api('GET', '/live', (await login()).cookie);
  expect([answer.status, answer.headers.get('connection')]).toEqual([421, 'close']);
  expect(await problemOf(answer)).toMatchObject({ reason: 'not_leader', detail: 'The pod control-2 leads.' });
});
