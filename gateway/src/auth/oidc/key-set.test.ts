import { exportJWK, generateKeyPair, type JSONWebKeySet } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { createKeySet, type KeySet } from './key-set.ts';

const TIMES = { cooldown_ms: 10, refresh_ms: 100, max_age_ms: 1000 };

interface Attempt {
  answer(...kids: string[]): Promise<void>;
  fail(): Promise<void>;
}

let nowMs: number;
let attempts: Attempt[];
let events: string[];
let keys: KeySet;
const { publicKey } = await generateKeyPair('ES256', { extractable: true });
const jwk = await exportJWK(publicKey);

beforeEach(() => {
  nowMs = 0;
  attempts = [];
  events = [];
  keys = createKeySet({
    ...TIMES,
    clock: { monotonicMs: () => nowMs },
    load: () => {
      const { promise, resolve, reject } = Promise.withResolvers<JSONWebKeySet>();
      const settled = () => new Promise<void>((done) => setImmediate(done));
      attempts.push({
        answer(...kids) {
          resolve({ keys: kids.map((kid) => ({ ...jwk, kid })) });
          return settled();
        },
        fail() {
          reject(new Error('down'));
          return settled();
        },
      });
      return promise;
    },
    report: { loaded: (count) => events.push(`loaded ${count}`), failed: () => events.push('failed') },
  });
});

/** What becomes of a question, so that none is left unheard. */
const ask = (kid: string) =>
  keys.keyFor({ alg: 'ES256', kid }).then(
    () => 'key',
    (error: Error) => error.name,
  );
const attempt = (index: number) => attempts[index] as Attempt;
async function loadFirst(...kids: string[]) {
  const asked = ask(kids[0] as string);
  await attempt(0).answer(...kids);
  await asked;
}

describe('the keys of an issuer', () => {
  it('are loaded once for all who wait, and only once in a while', async () => {
    const asked = [ask('a'), ask('a'), ask('b')];
    await attempt(0).answer('a');
    expect(await Promise.all(asked)).toEqual(['key', 'key', 'JWKSNoMatchingKey']);
    expect(await ask('c')).toBe('JWKSNoMatchingKey');
    expect(attempts).toHaveLength(1);
    nowMs += TIMES.cooldown_ms;
    const again = ask('c');
    await expect.poll(() => attempts).toHaveLength(2);
    await attempt(1).answer('a', 'c');
    expect(await again).toBe('key');
    expect(events).toEqual(['loaded 1', 'loaded 2']);
  });

  it('are refreshed in the background: nobody waits for keys that are at hand', async () => {
    await loadFirst('a');
    nowMs = TIMES.refresh_ms;
    expect(await ask('a')).toBe('key');
    expect(attempts).toHaveLength(2);
    await attempt(1).fail();
    expect(await ask('a')).toBe('key');
    expect([events, keys.size(), keys.ageMs()]).toEqual([['loaded 1', 'failed'], 1, TIMES.refresh_ms]);
  });

  it('are not used when they are too old, counted from when they were asked for', async () => {
    const asked = ask('a');
    nowMs = 500;
    await attempt(0).answer('a');
    await asked;
    nowMs = TIMES.max_age_ms;
    expect(keys.size()).toBe(0);
    const late = ask('a');
    await attempt(1).fail();
    expect(await late).toBe('KeysUnavailable');
  });
});
