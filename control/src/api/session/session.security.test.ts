import { OPERATOR_HEADER } from '@headgate/contracts/admin/api';
import { describe, expect, it } from 'vitest';
import { ADMIN_KEY, adminApp, CLIENT_KEY, problemOf, recordOf, serve } from '../../testing/admin-app.ts';

const WRONG_KEY = `hg_admin1_${'b'.repeat(43)}`;
const HOUR_MS = 3_600_000;

describe('a change with a session', () => {
  it('needs the token of that session', async () => {
    const { api, login } = adminApp();
    const [mine, other] = [await login(), await login()];
    const tokens = [{}, { 'x-headgate-csrf': '' }, { 'x-headgate-csrf': 'x'.repeat(43) }, other.csrf];
    for (const token of tokens) {
      const answer = await api('DELETE', '/session', { ...mine.cookie, ...token });
      expect([answer.status, (await problemOf(answer)).reason]).toEqual([403, 'forbidden']);
    }
    expect((await api('GET', '/session', mine.cookie)).status).toBe(200);
    expect((await api('DELETE', '/session', { ...mine.cookie, ...mine.csrf })).status).toBe(204);
  });
});

describe('the cookie', () => {
  it('is out of the reach of scripts and other sites', async () => {
    const { setCookie } = await adminApp().login();
    expect(setCookie).toMatch(
      /^headgate_session_8447=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });

  it('travels over TLS alone, off this machine', async () => {
    const { app } = adminApp();
    const answer = await app.request('http://headgate-control.ns.svc:8447/api/v1/session', {
      method: 'POST',
      body: JSON.stringify({ key: ADMIN_KEY }),
    });
    expect(answer.headers.get('set-cookie')).toContain('; Secure');
  });

  it('is not that which the browser came with', async () => {
    const { api, login } = adminApp();
    const planted = { cookie: `headgate_session_8447=${'p'.repeat(43)}` };
    const { cookie } = await login(ADMIN_KEY, planted);
    expect(cookie).not.toEqual(planted);
    expect((await api('GET', '/session', planted)).status).toBe(401);
    const { cookie: again } = await login(ADMIN_KEY, cookie);
    expect((await api('GET', '/session', cookie)).status).toBe(401);
    expect((await api('GET', '/session', again)).status).toBe(200);
  });
});

describe('a session ends', () => {
  it('with its key: revoked, of another role, narrowed, expired', async () => {
    const expired = new Date(1_700_000_000_000 - 1000).toISOString().replace('.000Z', 'Z');
    for (const records of [
      [],
      [recordOf(ADMIN_KEY, { role: 'tester' })],
      [recordOf(ADMIN_KEY, { scopes: { models: ['digits'] } })],
      [recordOf(ADMIN_KEY, { scopes: { routes: ['read'] } })],
      [recordOf(ADMIN_KEY, { not_after: expired })],
      [recordOf(WRONG_KEY)],
    ]) {
      const { api, login, setKeys } = adminApp();
      const { cookie } = await login();
      setKeys(...records);
      expect((await api('GET', '/live', cookie)).status).toBe(401);
    }
  });

  it('with the old secret of a rotated key, and no sooner', async () => {
    const { api, login, setKeys, clock } = adminApp();
    const { cookie } = await login();
    const notAfter = new Date(clock.epochMs() + HOUR_MS / 4).toISOString();
    const previous = { sha256: recordOf(ADMIN_KEY).sha256, not_after: notAfter };
    setKeys(recordOf(WRONG_KEY, { previous }));
    const answer = await api('GET', '/session', cookie);
    expect(await answer.json()).toMatchObject({ expires_at_ms: Date.parse(notAfter) });
    clock.advance(HOUR_MS / 4);
    expect((await api('GET', '/session', cookie)).status).toBe(401);
    const { cookie: current } = await login(WRONG_KEY);
    expect((await api('GET', '/session', current)).status).toBe(200);
  });

  it('when 64 others were used since', async () => {
    const { api, login } = adminApp();
    const first = await login();
    const second = await login();
    await api('GET', '/session', first.cookie);
    for (let count = 2; count < 65; count += 1) await login();
    expect((await api('GET', '/session', first.cookie)).status).toBe(200);
    expect((await api('GET', '/session', second.cookie)).status).toBe(401);
  });

  it('and its stream of events with it', async () => {
    const { api, login, setKeys, clock } = adminApp();
    const { cookie } = await login();
    const byKey = await api('GET', '/events', { 'x-api-key': ADMIN_KEY });
    const bySession = await api('GET', '/events', cookie);
    const readers = [byKey, bySession].map((answer) => answer.body?.getReader());
    for (const reader of readers) expect((await reader?.read())?.done).toBe(false);
    setKeys();
    clock.advance(1000);
    for (const reader of readers) expect((await reader?.read())?.done).toBe(true);
  });
});

describe('guessing', () => {
  const guess = {
    method: 'POST',
    path: '/api/v1/session',
    body: JSON.stringify({ key: WRONG_KEY }),
  } as const;

  it('of keys is limited by address, whatever way they are shown, and locks out nobody', async () => {
    const { send } = await serve(adminApp());
    for (let count = 0; count < 5; count += 1) {
      expect((await send(guess)).status).toBe(401);
      const byHeader = { 'x-api-key': `hg_other${count}_${'x'.repeat(43)}` };
      expect((await send({ method: 'GET', path: '/api/v1/live', headers: byHeader })).status).toBe(401);
    }
    const refused = await send({ ...guess, headers: { 'x-forwarded-for': '203.0.113.7' } });
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60']);
    const forged = { 'x-headgate-internal-secret': 'f'.repeat(64), [OPERATOR_HEADER]: 'eve' };
    expect((await send({ method: 'GET', path: '/api/v1/live', headers: forged })).status).toBe(429);
    expect((await send({ ...guess, body: JSON.stringify({ key: ADMIN_KEY }) })).status).toBe(200);
    expect((await send(guess, '127.0.0.9')).status).toBe(401);
  });

  it('from many addresses is limited too, begins again after a minute, and fills no audit log', async () => {
    const fixture = adminApp();
    const { send } = await serve(fixture);
    const statuses: number[] = [];
    for (let index = 0; index < 105; index += 1) {
      statuses.push((await send(guess, `127.0.1.${1 + Math.floor(index / 10)}`)).status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(100);
    expect(statuses.slice(100)).toEqual(Array(5).fill(429));
    expect(fixture.calls).toHaveLength(100);
    expect(fixture.calls[99]).toMatchObject({
      keyId: undefined,
      address: '127.0.1.10',
      method: 'POST',
      route: '/api/v1/session',
      status: 401,
    });
    expect(fixture.changes).toEqual([]);
    fixture.clock.advance(60_000);
    expect((await send(guess)).status).toBe(401);
  });

  it('tells an unknown key from a wrong secret in nothing', async () => {
    const { api } = adminApp();
    const answers = [WRONG_KEY, `hg_nobody_${'x'.repeat(43)}`, 'rubbish', `${ADMIN_KEY}x`].map(
      async (key) => {
        const answer = await api('POST', '/session', {}, { key });
        return [answer.status, await answer.text(), answer.headers.get('set-cookie')];
      },
    );
    expect(new Set((await Promise.all(answers)).map(String)).size).toBe(1);
  });

  it('a key of another role opens no session', async () => {
    const { api, calls } = adminApp();
    expect((await api('POST', '/session', {}, { key: CLIENT_KEY })).status).toBe(403);
    expect(calls).toMatchObject([{ keyId: 'client1', status: 403 }]);
  });
});
