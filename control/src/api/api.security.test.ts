import { once } from 'node:events';
import { connect } from 'node:net';
import { type LiveView, OPERATOR_HEADER } from '@headgate/contracts/admin/api';
import { describe, expect, it } from 'vitest';
import { ADMIN_KEY, adminApp, ORIGIN, problemOf, secret, serve } from '../testing/admin-app.ts';

describe('a page of another origin', () => {
  const marks: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:9999' },
    { origin: 'http://localhost:8447' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: ORIGIN, 'sec-fetch-site': 'cross-site' },
  ];

  it.each(marks)('reads and changes nothing with the cookie of a session: %j', async (mark) => {
    const { api, login } = adminApp();
    const { cookie, csrf } = await login();
    for (const [method, path] of [
      ['GET', '/live'],
      ['GET', '/events'],
      ['GET', '/session'],
      ['DELETE', '/session'],
      ['POST', '/session'],
    ] as const) {
      const body = method === 'POST' ? { key: ADMIN_KEY } : undefined;
      const answer = await api(method, path, { ...cookie, ...csrf, ...mark }, body);
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
    for (const origin of [ORIGIN, ORIGIN.replace('http:', 'https:')]) {
      expect((await api('GET', '/session', { ...cookie, origin })).status).toBe(200);
    }
    const ours = { ...cookie, ...csrf, origin: ORIGIN, 'sec-fetch-site': 'same-origin' };
    expect((await api('DELETE', '/session', ours)).status).toBe(204);
  });

  it('that lies about its Host gets nothing, the console included', async () => {
    const { api, send } = adminApp();
    for (const host of [
      'evil.example',
      '127.0.0.1.evil.example',
      'evil.example:8447',
      'localhost.evil.example',
    ]) {
      const headers = { host, 'x-api-key': ADMIN_KEY };
      expect([host, (await api('GET', '/live', headers)).status]).toEqual([host, 403]);
      expect([host, (await send('GET', '/console/', headers)).status]).toEqual([host, 403]);
      expect([host, (await api('POST', '/session', { host }, { key: ADMIN_KEY })).status]).toEqual([
        host,
        403,
      ]);
    }
    for (const host of ['localhost:8447', '[::1]:8447', 'headgate-control', 'headgate-control.ns.svc:8447']) {
      expect([host, (await api('GET', '/live', { host, 'x-api-key': ADMIN_KEY })).status]).toEqual([
        host,
        200,
      ]);
    }
  });
});

describe('what a caller sends', () => {
  it('is bounded, and says its length before it is read', async () => {
    const { port } = await serve(adminApp());
    const post = async (body: string | ReadableStream) => {
      const url = `http://127.0.0.1:${port}/api/v1/session`;
      const answer = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
      return [answer.status, (await problemOf(answer)).reason];
    };
    expect(await post('x'.repeat(300_000))).toEqual([413, 'too_large']);
    expect(await post('x'.repeat(200_000))).toEqual([400, 'invalid']);
    expect(await post(new Blob(['x'.repeat(300_000)]).stream())).toEqual([400, 'invalid']);
  });

  it('may be nothing, over a socket too', async () => {
    const fixture = adminApp();
    const { port, send } = await serve(fixture);
    const host = `127.0.0.1:${port}`;
    const { cookie, csrf } = await fixture.login(ADMIN_KEY, { host });
    const named = { cookie: cookie.cookie.replace('8447', String(port)) };
    const logout = { method: 'DELETE', path: '/api/v1/session', headers: { ...named, ...csrf } } as const;
    expect((await send(logout)).status).toBe(204);
  });

  it.each(['', '{', '[]', '{"key":7}', '{"key":""}', '{"key":"k","more":1}', `{"key":"${'k'.repeat(257)}"}`])(
    'is refused when it is not what is expected: %s',
    async (body) => {
      const { api } = adminApp();
      const answer = await api('POST', '/session', {}, body);
      expect([answer.status, (await problemOf(answer)).reason]).toEqual([400, 'invalid']);
    },
  );

  it('names an operator only in letters that a log may show', async () => {
    const { api } = adminApp();
    for (const name of ['', 'a b', '<script>', 'a'.repeat(65), 'key:admin1', '../x', 'ä']) {
      const headers = { ...secret.header, [OPERATOR_HEADER]: name };
      expect([name, (await api('GET', '/live', headers)).status]).toEqual([name, 400]);
    }
  });
});

describe('a hostile name', () => {
  const NAME = '</script><img src=x onerror=alert(1)>';

  it('is answered as JSON, which no browser takes for a page', async () => {
    const view = { default_model: NAME } as LiveView;
    const { api } = adminApp({ live: async () => view });
    const known = { 'x-api-key': ADMIN_KEY };
    const answers = [
      await api('GET', '/live', known),
      await api('GET', `/${encodeURIComponent(NAME)}`, known),
      await api('POST', '/session', {}, { [NAME]: 1 }),
      await api('GET', '/events', known),
    ];
    for (const { headers } of answers) {
      expect(headers.get('content-type')).toMatch(/^(application\/(problem\+)?json|text\/event-stream)/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  it('begins no line of its own in a stream of events', async () => {
    const { api } = adminApp({
      live: async () => ({ default_model: 'a\n\nevent: rollout\ndata: {}' }) as LiveView,
    });
    const { body } = await api('GET', '/events', { 'x-api-key': ADMIN_KEY });
    const { value } = (await body?.getReader().read()) ?? {};
    expect(new TextDecoder().decode(value).match(/^event: .*$/gm)).toEqual(['event: live']);
  });
});

describe('streams of events', () => {
  it('are bounded, also without a reader, and are free again once their readers leave', async () => {
    const fixture = adminApp({ live: async () => ({ default_model: 'x'.repeat(100_000) }) as LiveView });
    const { port, send } = await serve(fixture);
    const known = `X-API-Key: ${ADMIN_KEY}`;
    const sockets = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = connect(port, '127.0.0.1').pause();
        socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n${known}\r\n\r\n`);
        await once(socket, 'readable');
        return socket;
      }),
    );
    const refused = await send({
      method: 'GET',
      path: '/api/v1/events',
      headers: { 'x-api-key': ADMIN_KEY },
    });
    expect([refused.status, refused.text]).toEqual([429, expect.stringContaining('too_many')]);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(async () => {
        const abort = new AbortController();
        const answer = await fetch(`http://127.0.0.1:${port}/api/v1/events`, {
          headers: { 'x-api-key': ADMIN_KEY },
          signal: abort.signal,
        });
        abort.abort();
        return answer.status;
      })
      .toBe(200);
  });
});

it('no HEAD opens a stream of events that nobody ends', async () => {
  const { api } = adminApp();
  const known = { 'x-api-key': ADMIN_KEY };
  for (let count = 0; count < 9; count += 1) expect((await api('HEAD', '/events', known)).status).toBe(405);
  expect((await api('GET', '/events', known)).status).toBe(200);
});

describe('the routes of other processes beside it', () => {
  it('go on to refuse browsers and strangers', async () => {
    const { send } = await serve(adminApp());
    const records = { path: '/internal/records', body: '{}' } as const;
    const fromBrowser = { ...secret.header, origin: ORIGIN, 'sec-fetch-site': 'same-origin' };
    expect((await send({ ...records, headers: fromBrowser })).status).toBe(403);
    expect((await send({ ...records, headers: { 'x-api-key': ADMIN_KEY } })).status).toBe(401);
    expect((await send({ path: '/metrics', method: 'GET', headers: { origin: ORIGIN } })).status).toBe(403);
  });
});
