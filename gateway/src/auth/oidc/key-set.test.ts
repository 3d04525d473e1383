import { ManualClock } from '@headgate/testkit/manual-clock';
import { exportJWK, generateKeyPair, type JSONWebKeySet } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { Shares } from '../../shares.ts';
import { PAUSE_MS } from './attempts.ts';
import { createKeySet, type KeySet } from './key-set.ts';

const TIMES = { refresh_ms: 100_000, max_age_ms: 1_000_000 };

interface Attempt {
  answer(...kids: string[]): Promise<void>;
  fail(): Promise<void>;
}

let clock: ManualClock;
let attempts: Attempt[];
let events: string[];
let keys: KeySet;
const { publicKey } = await generateKeyPair('ES256', { extractable: true });
const jwk = await exportJWK(publicKey);
const settled = () => new Promise<void>((done) => setImmediate(done));

beforeEach(() => {
  clock = new ManualClock();
  attempts = [];
  events = [];
  keys = createKeySet({
    ...TIMES,
    clock,
    waiting: new Shares(400),
    load: () => {
      const { promise, resolve, reject } = Promise.withResolvers<JSONWebKeySet>();
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
const ask = (kid: string, caller = 'one') =>
  keys.keyFor({ alg: 'ES256', kid }, caller).then(
    () => 'key',
    (error: Error) => error.name,
  );
const attempt = (index: number) => attempts[index] as Attempt;
const UNKNOWN = 'JWKSNoMatchingKey';
async function loadFirst(...kids: string[]) {
  const asked = ask(kids[0] as string);
  await attempt(0).answer(...kids);
  await asked;
}
/** Lets waiters get as far as they can, then some time pass. */
async function pass(ms: number) {
  await settled();
  clock.advance(ms);
  await settled();
}

describe('the keys of an issuer', () => {
  it('are loaded once for all who wait', async () => {
    const asked = [ask('a'), ask('a'), ask('b')];
    await attempt(0).answer('a', 'b');
    expect(await Promise.all(asked)).toEqual(['key', 'key', 'key']);
    expect([attempts.length, events]).toEqual([1, ['loaded 2']]);
  });

  it('are asked for again at most once in a pause, for all unknown ones together', async () => {
    await loadFirst('a');
    const asked = [ask('b'), ...Array.from({ length: 100 }, (_, i) => ask(`nobody-${i}`))];
    await pass(PAUSE_MS - 1);
    expect(attempts).toHaveLength(1);
    await pass(1);
    expect(attempts).toHaveLength(2);
    await attempt(1).answer('a', 'b');
    expect(new Set(await Promise.all(asked.slice(1)))).toEqual(new Set([UNKNOWN]));
    expect(await asked[0]).toBe('key');
    expect(clock.pending).toBe(0);
  });

  it('are waited for by a caller with half of the places at most: the rest is refused at once', async () => {
    await loadFirst('a');
    const asked = Array.from({ length: 201 }, (_, i) => ask(`nobody-${i}`));
    expect([await asked[200], await ask('a')]).toEqual([UNKNOWN, 'key']);
    const other = ask('b', 'other');
    await pass(PAUSE_MS);
    await attempt(1).answer('a', 'b');
    expect([await other, await asked[0]]).toEqual(['key', UNKNOWN]);
    const again = ask('c');
    await pass(PAUSE_MS);
    await attempt(2).answer('c');
    expect(await again).toBe('key');
  });

  it('are found after one pause, also when a stranger asked for an unknown key a moment ago', async () => {
    await loadFirst('a');
    await pass(PAUSE_MS);
    const stranger = ask('nobody');
    await settled();
    await attempt(1).answer('a');
    expect(await stranger).toBe(UNKNOWN);
    const good = ask('b');
    await pass(PAUSE_MS);
    await attempt(2).answer('a', 'b');
    expect(await good).toBe('key');
  });

  it('are refused without a wait while the issuer cannot be asked', async () => {
    const first = ask('a');
    await attempt(0).fail();
    expect([await first, await ask('a'), attempts.length]).toEqual(['KeysUnavailable', 'KeysUnavailable', 1]);
  });

  it('are refreshed in the background: nobody waits for keys that are at hand', async () => {
    await loadFirst('a');
    await pass(TIMES.refresh_ms);
    expect(await ask('a')).toBe('key');
    expect(attempts).toHaveLength(2);
    await attempt(1).fail();
    expect(await ask('a')).toBe('key');
    expect([events, keys.size(), keys.ageMs()]).toEqual([['loaded 1', 'failed'], 1, TIMES.refresh_ms]);
  });

  it('are not used when they are too old, counted from when they were asked for', async () => {
    const asked = ask('a');
    await pass(500);
    await attempt(0).answer('a');
    await asked;
    await pass(TIMES.max_age_ms - 500);
    expect(keys.size()).toBe(0);
    const late = ask('a');
    await attempt(1).fail();
    expect(await late).toBe('KeysUnavailable');
  });
});
