import { describe, expect, it, vi } from 'vitest';
import { reasonOf } from '../testing/answers.ts';
import { type Fixture, fixture, KEYS } from '../testing/app-fixture.ts';
import { countedBody, streamed } from '../testing/bodies.ts';
import { pngHeader } from '../testing/images.ts';

const IP = '192.0.2.1';

function tryHeaders({ app }: Fixture, headers: Record<string, string>, ip = IP) {
  return app.request('/v1/models', { headers }, { ip });
}

describe('a missing credential', () => {
  it('is 401 and names the scheme', async () => {
    const response = await tryHeaders(await fixture(), {});
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      401,
      'ApiKey realm="headgate"',
    ]);
    expect(await reasonOf(response)).toBe('missing_credential');
  });

  it('locks nobody out: it is not a wrong one', async () => {
    const gateway = await fixture();
    for (let i = 0; i < 30; i++) await tryHeaders(gateway, {});
    expect((await tryHeaders(gateway, { 'x-api-key': KEYS.client })).status).toBe(200);
  });
});

describe('a bearer token', () => {
  it.each(['Bearer eyJhbGciOiJub25lIn0.e30.', `Bearer ${KEYS.client}`, KEYS.client, 'Basic eDp5'])(
    'such as %j is 401 while no issuer is configured, names the header for keys, and is no guess',
    async (authorization) => {
      const gateway = await fixture();
      for (let i = 0; i < 30; i++) {
        const response = await tryHeaders(gateway, { authorization });
        expect([response.status, await reasonOf(response.clone())]).toEqual([401, 'invalid_token']);
        expect(await response.text()).toContain('send an API key in the header x-api-key');
      }
    },
  );

  it('is not mentioned while none can be accepted', async () => {
    expect(await (await tryHeaders(await fixture(), {})).text()).not.toMatch(/bearer/i);
  });

  it('does not stand in the way of a key', async () => {
    const headers = { authorization: 'Bearer x', 'x-api-key': KEYS.client };
    expect((await tryHeaders(await fixture(), headers)).status).toBe(200);
  });
});

const WRONG = {
  'an unknown id': `hg_nobody01_${'c'.repeat(32)}`,
  'a wrong secret': `hg_client01_${'d'.repeat(32)}`,
  'the secret of another key': `hg_client02_${'c'.repeat(32)}`,
  'a shorter secret': KEYS.client.slice(0, -1),
  'a longer secret': `${KEYS.client}c`,
  'an id in capitals': `hg_CLIENT01_${'c'.repeat(32)}`,
  'no key at all': 'letmein',
  'an empty header': '',
  'the stored digest': 'a'.repeat(64),
  'two keys': `${KEYS.client}, ${KEYS.client}`,
  'a name of JavaScript': `hg_constructor_${'c'.repeat(32)}`,
  'a very long text': `hg_client01_${'c'.repeat(8000)}`,
};

describe('a wrong key', () => {
  it.each(Object.entries(WRONG))('%s is 403, and nothing tells it from the others', async (_, key) => {
    const gateway = await fixture();
    const headers = { 'x-request-id': 'same' };
    const response = await tryHeaders(gateway, { ...headers, 'x-api-key': key });
    const reference = await tryHeaders(await fixture(), { ...headers, 'x-api-key': 'x' });
    expect(response.status).toBe(403);
    expect(await response.text()).toBe(await reference.text());
    expect(gateway.seen.authFailures).toEqual(['wrong_key']);
  });

  it.each(Object.entries(WRONG))('%s costs one digest, as a right one does', async (_, key) => {
    const gateway = await fixture();
    const digest = vi.spyOn(crypto.subtle, 'digest');
    await tryHeaders(gateway, { 'x-api-key': key });
    await tryHeaders(gateway, { 'x-api-key': KEYS.client });
    expect(digest).toHaveBeenCalledTimes(2);
    digest.mockRestore();
  });
});

describe('guessing keys', () => {
  it('is answered with 429 after twenty wrong ones a minute', async () => {
    const gateway = await fixture();
    for (let i = 0; i < 20; i++) {
      expect((await tryHeaders(gateway, { 'x-api-key': `wrong-${i}` })).status).toBe(403);
    }
    const refused = await tryHeaders(gateway, { 'x-api-key': 'wrong' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    expect(refused.headers.get('ratelimit-policy')).toContain('"ip/credentials/60";q=20;w=60');
    expect(gateway.seen.rateLimited).toEqual(['credentials/all']);
  });

  it('locks no right key out, and no caller without one, from the same address', async () => {
    const gateway = await fixture();
    for (let i = 0; i < 30; i++) await tryHeaders(gateway, { 'x-api-key': `wrong-${i}` });
    expect((await tryHeaders(gateway, { 'x-api-key': KEYS.client })).status).toBe(200);
    expect((await tryHeaders(gateway, {})).status).toBe(401);
  });

  it('tells no wrong key from another, at the same cost, locked out or not', async () => {
    const gateway = await fixture();
    for (let i = 0; i < 20; i++) await tryHeaders(gateway, { 'x-api-key': 'wrong' });
    const digest = vi.spyOn(crypto.subtle, 'digest');
    for (const key of Object.values(WRONG)) {
      expect((await tryHeaders(gateway, { 'x-api-key': key })).status).toBe(429);
    }
    expect(digest).toHaveBeenCalledTimes(Object.keys(WRONG).length);
    digest.mockRestore();
  });

  it('for longer makes the pauses longer, until the hour is over', async () => {
    vi.useFakeTimers();
    const gateway = await fixture();
    const guessUntilStopped = async () => {
      for (let tries = 0; ; tries++) {
        const response = await tryHeaders(gateway, { 'x-api-key': 'wrong' });
        if (response.status === 429) return [tries, Number(response.headers.get('retry-after'))];
      }
    };
    const pauses = [];
    for (let i = 0; i < 6; i++) {
      const [tries = 0, pauseS = 0] = await guessUntilStopped();
      pauses.push([tries, pauseS]);
      await vi.advanceTimersByTimeAsync(pauseS * 1000 + 1);
    }
    vi.useRealTimers();
    // Four pauses of a minute, then what is left of the hour, then again. A refused guess counts in the hour as well.
    expect(pauses).toEqual([...Array(4).fill([20, 60]), [16, 3360], [20, 60]]);
  });

  it('all at once learns no more than that', async () => {
    const gateway = await fixture();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => tryHeaders(gateway, { 'x-api-key': `wrong-${i}` })),
    );
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(20);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(40);
  });
});

describe('strangers', () => {
  it('behind an address use up nothing of the identified callers behind it', async () => {
    const gateway = await fixture();
    const anonymous = [];
    for (let i = 0; i < 120; i++) anonymous.push((await tryHeaders(gateway, {})).status);
    expect(anonymous.filter((status) => status === 429)).toHaveLength(20);
    const answer = await tryHeaders(gateway, { 'x-api-key': KEYS.client });
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, expect.stringContaining('r=99')]);
  });
});

describe('a request without an identity', () => {
  it('has no byte of its body read', async () => {
    const gateway = await fixture();
    for (const credential of [{}, { 'x-api-key': 'wrong' }]) {
      const body = countedBody();
      await gateway.app.request('/predict', streamed(body.stream, credential), { ip: IP });
      expect(body.takenBytes()).toBe(0);
    }
  });
});

describe('a role', () => {
  it.each([
    ['client', KEYS.bench, 403],
    ['tester', KEYS.tester, 200],
    ['admin', KEYS.admin, 200],
  ])('%s asking for a version gets %i', async (_, key, expected) => {
    const { send } = await fixture();
    const response = await send('/v1/models/net/versions/3/predict', {
      method: 'POST',
      body: pngHeader(8, 8),
      headers: { 'content-type': 'image/png', 'x-api-key': key },
    });
    expect(response.status).toBe(expected);
  });
});
