import { createHmac } from 'node:crypto';
import { systemClock, type TimerClock } from '@headgate/runtime/clock';
import { noResilienceReport } from '@headgate/runtime/resilience/report';
import { ASKED_TWICE, AUDIENCE, type Issuer, startIssuer } from '@headgate/testkit/issuer';
import { rawConnection } from '@headgate/testkit/raw';
import { exportSPKI, importJWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeOptions, serveHttp } from '../server.ts';
import { reasonOf } from '../testing/answers.ts';
import { CONFIG, type Fixture, fixture, KEYS } from '../testing/app-fixture.ts';
import { pngHeader } from '../testing/images.ts';
import { PAUSE_MS } from './oidc/attempts.ts';
import { oidcVerifier } from './oidc/verifier.ts';

const START_MS = Date.parse('2030-01-01T00:00:00Z');
const TIMES = CONFIG.oidc.keys;

let aheadMs: number;
let issuer: Issuer;
let gateway: Fixture;
let refusals: string[];
/** Both clocks: a test moves them, and so does code that waits for a time to pass. */
const clock: TimerClock = {
  monotonicMs: () => aheadMs,
  epochMs: () => START_MS + aheadMs,
  after(delayMs, fn) {
    const timer = setImmediate(() => {
      aheadMs += delayMs;
      fn();
    });
    return () => clearImmediate(timer);
  },
};

beforeEach(async () => {
  aheadMs = 0;
  refusals = [];
  issuer = await startIssuer(clock.epochMs);
  gateway = await fixture({ clock: { ...systemClock, epochMs: clock.epochMs }, tokens: verifier() });
});
afterEach(() => issuer.close());

function verifier(overrides: Partial<Issuer['config']> = {}) {
  const issuers = [{ ...issuer.config, ...overrides }];
  return oidcVerifier({
    config: { ...CONFIG.oidc, issuers },
    dependency: ASKED_TWICE,
    resilience: noResilienceReport,
    fetch,
    clock,
    report: {
      keysLoaded: () => undefined,
      keysFailed: () => undefined,
      tokenRefused: (name, why) => refusals.push(`${name}/${why}`),
    },
  });
}

const ask = (authorization: string, ip = '192.0.2.7', path = '/v1/models') =>
  gateway.app.request(path, { headers: { authorization } }, { ip });
const bearer = (token: string) => ask(`Bearer ${token}`);
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const payloadOf = (token: string) => token.split('.')[1] as string;

async function expectRefused(response: Response, why: string) {
  expect([response.status, await reasonOf(response), refusals.at(-1)]).toEqual([401, 'invalid_token', why]);
  expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
}

describe('a token of a configured issuer', () => {
  it('is an identity: stable, bounded, and without the name of its subject', async () => {
    const [one, again, other] = [
      await issuer.token(),
      await issuer.token({ jti: 'another' }),
      await issuer.token({ sub: 'bob' }),
    ];
    for (const token of [one, again, other]) expect((await bearer(token)).status).toBe(200);
    const ids = gateway.seen.requests.map(({ keyId }) => keyId);
    expect(ids[0]).toMatch(/^oidc_[0-9a-f]{32}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(gateway.seen.keysUsed).toEqual([]);
  });

  it('has the role and the scopes that the configuration maps, and no other', async () => {
    const version = '/v1/models/net/versions/3/predict';
    const post = async (claims: object) => {
      const headers = {
        authorization: `Bearer ${await issuer.token({ ...claims })}`,
        'content-type': 'image/png',
      };
      const init = { method: 'POST', body: pngHeader(8, 8), headers };
      return (await gateway.app.request(version, init, { ip: '192.0.2.7' })).status;
    };
    expect(await post({})).toBe(403);
    expect(await post({ groups: ['testers'] })).toBe(200);
    expect(await post({ groups: ['tester', 'constructor', '__proto__'] })).toBe(403);
    expect(await post({ groups: ['testers'], scope: 'read' })).toBe(403);
    expect(await post({ groups: ['testers'], scope: 'toString' })).toBe(403);
    expect(await post({ groups: ['testers'], scope: ['predict'] })).toBe(200);
  });

  it('may come from keys of any public-key algorithm that is configured, in any order of audiences', async () => {
    const token = await issuer.token({ aud: ['someone-else', AUDIENCE] });
    expect((await bearer(token)).status).toBe(200);
  });
});

describe('another scheme in Authorization', () => {
  it.each(['Basic eDp5', 'ApiKey abc', 'Digest username="a"', 'hg_client01_x'])(
    '%j names the header for keys, and is no guess',
    async (authorization) => {
      for (let i = 0; i < 30; i++) {
        const response = await ask(authorization, '192.0.2.77');
        expect(response.status).toBe(401);
        expect(await response.text()).toContain('send an API key in the header x-api-key');
      }
    },
  );
});

describe('a forged token', () => {
  it.each(['none', 'None', 'NONE', ''])('of algorithm %j is 401', async (alg) => {
    const payload = payloadOf(await issuer.token());
    const response = await bearer(`${base64({ alg, typ: 'at+jwt', kid: 'key-1' })}.${payload}.`);
    await expectRefused(response, expect.stringMatching(/^test\/(algorithm|malformed)$/));
  });

  it.each(['PEM', 'JWK'])('signed by HS256 with the public key (%s) is 401', async (form) => {
    const { publicJwk } = issuer.key();
    const publicKey = await importJWK(publicJwk, 'ES256', { extractable: true });
    const secret = form === 'PEM' ? await exportSPKI(publicKey as never) : JSON.stringify(publicJwk);
    const signed = `${base64({ alg: 'HS256', typ: 'at+jwt', kid: 'key-1' })}.${payloadOf(await issuer.token())}`;
    const signature = createHmac('sha256', secret).update(signed).digest('base64url');
    await expectRefused(await bearer(`${signed}.${signature}`), 'test/algorithm');
  });

  it('with changed claims is 401', async () => {
    const [header, payload, signature] = (await issuer.token()).split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const response = await bearer(`${header}.${base64({ ...claims, groups: ['admins'] })}.${signature}`);
    await expectRefused(response, 'test/signature');
  });

  it('by a stranger under the id of a real key is 401', async () => {
    const stranger = await startIssuer(clock.epochMs);
    await expectRefused(await bearer(await stranger.token({ iss: issuer.url })), 'test/signature');
    await stranger.close();
  });

  it.each(['jku', 'x5u', 'jwk'])(
    'whose header brings its own key (%s) is 401, and nobody fetches it',
    async (name) => {
      const stranger = await startIssuer(clock.epochMs);
      const value = name === 'jwk' ? stranger.key().publicJwk : `${stranger.url}/keys`;
      const token = await stranger.token({ iss: issuer.url }, { [name]: value });
      await expectRefused(await bearer(token), 'test/signature');
      expect(stranger.keyRequests()).toBe(0);
      await stranger.close();
    },
  );

  it.each([{ crit: ['exp'], exp: 1 }, { crit: ['b64'], b64: false }, { crit: ['x'], x: 1 }, { crit: [] }])(
    'with a critical header %j is 401',
    async (extra) => {
      // Signed by the issuer's real key: nothing but the header is wrong.
      const header = base64({ alg: 'ES256', typ: 'at+jwt', kid: 'key-1', ...extra });
      const signed = `${header}.${payloadOf(await issuer.token())}`;
      const signature = await crypto.subtle.sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        issuer.key().privateKey,
        Buffer.from(signed),
      );
      const token = `${signed}.${Buffer.from(signature).toString('base64url')}`;
      await expectRefused(await bearer(token), 'test/malformed');
    },
  );
});

describe('a token that is not for us, or not for now', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['expired', { exp: START_MS / 1000 - 31 }, 'test/expired'],
    ['without an end', { exp: undefined }, 'test/claims'],
    ['with an end that is no number', { exp: '9999999999' }, 'test/claims'],
    ['not valid yet', { nbf: START_MS / 1000 + 31 }, 'test/not_yet_valid'],
    ['for another audience', { aud: 'someone-else' }, 'test/claims'],
    ['for no audience', { aud: undefined }, 'test/claims'],
    ['of another issuer', { iss: 'https://other.example' }, 'other/unknown_issuer'],
    ['of an issuer with a slash more', { iss: 'SLASH' }, 'other/unknown_issuer'],
    ['of no issuer', { iss: undefined }, 'other/malformed'],
    ['about nobody', { sub: undefined }, 'test/claims'],
    ['about an empty name', { sub: '' }, 'test/claims'],
    ['about a very long name', { sub: 'a'.repeat(256) }, 'test/claims'],
  ])('%s is 401', async (_, claims, why) => {
    const replaced = claims.iss === 'SLASH' ? { iss: `${issuer.url}/` } : claims;
    await expectRefused(await bearer(await issuer.token(replaced)), why);
  });

  it.each([
    ['expired', { exp: START_MS / 1000 - 29 }],
    ['not valid yet', { nbf: START_MS / 1000 + 29 }],
  ])('but %s by less than the clocks may differ, is accepted', async (_, claims) => {
    expect((await bearer(await issuer.token(claims))).status).toBe(200);
  });

  it.each(['JWT', 'id+jwt', undefined])(
    'of the type %s is 401: an ID token is no access token',
    async (typ) => {
      await expectRefused(await bearer(await issuer.token({}, { typ })), 'test/type');
    },
  );

  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt'])('of the type %s is accepted', async (typ) => {
    expect((await bearer(await issuer.token({}, { typ }))).status).toBe(200);
  });
});

describe('keys of the issuer', () => {
  it('that were rotated in are fetched when a token names them', async () => {
    expect((await bearer(await issuer.token())).status).toBe(200);
    await issuer.rotate();
    expect((await bearer(await issuer.token())).status).toBe(200);
  });

  it('that were rotated in are found at once, whatever keys strangers name meanwhile', async () => {
    expect((await bearer(await issuer.token())).status).toBe(200);
    await issuer.rotate();
    const strangers = ['nobody', 'nobody', 'key-2', 'key-3'].map((kid) =>
      issuer.token({ sub: 'x' }, { kid }),
    );
    const asked = Promise.all(
      (await Promise.all(strangers)).map((token) => bearer(`${token.slice(0, -4)}AAAA`)),
    );
    expect((await bearer(await issuer.token())).status).toBe(200);
    expect(new Set((await asked).map(({ status }) => status))).toEqual(new Set([401]));
    // Named before it was: the next key.
    await issuer.rotate();
    expect((await bearer(await issuer.token())).status).toBe(200);
  });

  it('that nobody knows are no guesses, however many: their bearer may be ahead of us', async () => {
    const token = await issuer.token({}, { kid: 'nobody' });
    for (let i = 0; i < 30; i++) await expectRefused(await bearer(token), 'test/unknown_key');
    expect((await bearer('a.b.c')).status).toBe(401);
  });

  it('that tokens do not name are asked for again once a signature is wrong', async () => {
    const unnamed = { kid: undefined };
    expect((await bearer(await issuer.token({}, unnamed))).status).toBe(200);
    await issuer.rotate();
    aheadMs += PAUSE_MS;
    await expectRefused(await bearer(await issuer.token({}, unnamed)), 'test/signature');
    await expect.poll(() => issuer.keyRequests()).toBe(2);
    await expect.poll(async () => (await bearer(await issuer.token({}, unnamed))).status).toBe(200);
  });

  it('that were rotated away are 401', async () => {
    const old = await issuer.token();
    expect((await bearer(old)).status).toBe(200);
    await issuer.rotate();
    aheadMs += PAUSE_MS;
    expect((await bearer(await issuer.token())).status).toBe(200);
    await expectRefused(await bearer(old), 'test/unknown_key');
  });

  it('that nobody knows cost one fetch, however many tokens name one', async () => {
    expect((await bearer(await issuer.token())).status).toBe(200);
    aheadMs += PAUSE_MS;
    const tokens = await Promise.all(
      Array.from({ length: 30 }, (_, i) => issuer.token({}, { kid: `nobody-${i}` })),
    );
    const asked = await Promise.all(tokens.map((token, i) => ask(`Bearer ${token}`, `192.0.2.${i}`)));
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([401]));
    expect(issuer.keyRequests()).toBe(2);
  });

  it('stay in use while the issuer is down, until they are too old; unknown ones are 401, not 500', async () => {
    expect((await bearer(await issuer.token())).status).toBe(200);
    issuer.isUp = false;
    aheadMs = TIMES.max_age_ms - 1;
    expect((await bearer(await issuer.token())).status).toBe(200);
    await expectRefused(await bearer(await issuer.token({}, { kid: 'nobody' })), 'test/unknown_key');
    aheadMs += PAUSE_MS;
    await expectRefused(await bearer(await issuer.token()), 'test/keys_unavailable');
    issuer.isUp = true;
    aheadMs += ASKED_TWICE.breaker.open_min_ms;
    expect((await bearer(await issuer.token())).status).toBe(200);
  });

  it('that never could be had are 401, and lock no address out', async () => {
    issuer.isUp = false;
    gateway = await fixture({ clock, tokens: verifier() });
    const token = await issuer.token();
    for (let i = 0; i < 30; i++) await expectRefused(await bearer(token), 'test/keys_unavailable');
    issuer.isUp = true;
    aheadMs += ASKED_TWICE.breaker.open_min_ms;
    expect((await bearer(token)).status).toBe(200);
  });
});

describe('what is no token at all', () => {
  it.each([
    'Bearer',
    'Bearer ',
    'Bearer x',
    'Bearer a.b',
    'Bearer a.b.c',
    'Bearer ..',
    'Bearer a.b.c.d.e',
    `Bearer ${'eyJ'.repeat(20)}`,
    'Bearer eyJhbGciOiJFUzI1NiJ9.bnVsbA.AA',
    'Basic YWxpY2U6c2VjcmV0',
    'bearer\u00e9 x.y.z',
    'Digest username="x"',
    '',
  ])('%j is 401', async (authorization) => {
    const response = await ask(authorization);
    expect([response.status, await reasonOf(response)]).toEqual([401, 'invalid_token']);
  });

  it('a token that is too long is refused unread', async () => {
    await expectRefused(await bearer(await issuer.token({ padding: 'x'.repeat(9000) })), 'other/too_large');
  });

  it('a token beside another in the same header, or in two headers, is 401', async () => {
    const token = await issuer.token();
    expect((await ask(`Bearer ${token}, Bearer ${token}`)).status).toBe(401);
    const { app } = gateway;
    const fetchApp = (request: Request) => app.fetch(request, { ip: '192.0.2.7' });
    const server = await serveHttp({
      fetch: fetchApp,
      host: '127.0.0.1',
      port: 0,
      node: nodeOptions(CONFIG),
    });
    const line = `Authorization: Bearer ${token}\r\n`;
    const head = (lines: string) => `GET /v1/models HTTP/1.1\r\nHost: x\r\n${lines}Connection: close\r\n\r\n`;
    const statusOf = async (lines: string) => {
      await using socket = await rawConnection(server.port);
      socket.write(head(lines));
      return (await socket.answer())?.status;
    };
    expect([await statusOf(line), await statusOf(line + line)]).toEqual([200, 401]);
    await server.drain(0);
  });
});

describe('guessing tokens', () => {
  it('is stopped as guessing keys is', async () => {
    for (let i = 0; i < 20; i++) expect((await bearer(`a.b.${i}`)).status).toBe(401);
    expect((await bearer('a.b.20')).status).toBe(429);
  });

  it('locks no right token out, from the same address', async () => {
    for (let i = 0; i < 30; i++) await bearer(`a.b.${i}`);
    expect((await bearer(await issuer.token())).status).toBe(200);
  });

  it('is not what a client does whose token has expired', async () => {
    const expired = await issuer.token({ exp: START_MS / 1000 - 60 });
    for (let i = 0; i < 30; i++) expect((await bearer(expired)).status).toBe(401);
    expect((await bearer(await issuer.token())).status).toBe(200);
  });
});

it('an API key beside a token decides alone', async () => {
  const headers = { authorization: `Bearer ${await issuer.token()}`, 'x-api-key': 'wrong' };
  expect((await gateway.app.request('/v1/models', { headers }, { ip: '192.0.2.7' })).status).toBe(403);
  const good = { authorization: 'Bearer x', 'x-api-key': KEYS.client };
  expect((await gateway.app.request('/v1/models', { headers: good }, { ip: '192.0.2.8' })).status).toBe(200);
});

it('accepts no shared secret among the keys of an issuer', async () => {
  const token = new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'alice', scope: 'read' })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'key-1' })
    .setExpirationTime(START_MS / 1000 + 300);
  await expectRefused(
    await bearer(await token.sign(new TextEncoder().encode('x'.repeat(32)))),
    'test/algorithm',
  );
});
