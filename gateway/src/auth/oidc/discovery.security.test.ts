import { describe, expect, it } from 'vitest';
import { loadKeys } from './discovery.ts';

const ISSUER = 'https://login.example/realm/';
const DOCUMENT = 'https://login.example/realm/.well-known/openid-configuration';
const KEYS = 'https://keys.example/jwks';
const PUBLIC = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'a' };

/** Loads from a web that holds these documents; tells which addresses were asked. */
async function load(documents: Record<string, unknown>, jwks_uri = '') {
  const asked: string[] = [];
  const fetchFrom = async (url: unknown, init?: RequestInit) => {
    asked.push(`${url} ${init?.redirect}`);
    const found = documents[String(url)];
    if (found === undefined) return new Response('no', { status: 404 });
    return new Response(typeof found === 'string' ? found : JSON.stringify(found));
  };
  const signal = new AbortController().signal;
  const keys = await loadKeys({ issuer: ISSUER, jwks_uri }, fetchFrom as typeof fetch, signal);
  return { keys, asked };
}

describe('the keys of an issuer', () => {
  it('are where its discovery document says, or the configuration; redirects are not followed', async () => {
    const discovered = await load({
      [DOCUMENT]: { issuer: ISSUER, jwks_uri: KEYS },
      [KEYS]: { keys: [PUBLIC] },
    });
    expect(discovered.asked).toEqual([`${DOCUMENT} error`, `${KEYS} error`]);
    const configured = await load({ [KEYS]: { keys: [PUBLIC] } }, KEYS);
    expect(configured.asked).toEqual([`${KEYS} error`]);
    expect(configured.keys).toEqual({ keys: [PUBLIC] });
  });

  it('never hold a shared secret', async () => {
    const { keys } = await load({ [KEYS]: { keys: [{ kty: 'oct', k: 'AAAA' }, null, 7, PUBLIC] } }, KEYS);
    expect(keys.keys).toEqual([PUBLIC]);
    await expect(load({ [KEYS]: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, KEYS)).rejects.toThrow(
      '0 public keys',
    );
  });

  it.each([
    ['a document of another issuer', { issuer: 'https://evil.example', jwks_uri: KEYS }],
    ['a document without a slash that the issuer has', { issuer: ISSUER.slice(0, -1), jwks_uri: KEYS }],
    ['keys that come without TLS', { issuer: ISSUER, jwks_uri: 'http://keys.example/jwks' }],
    ['keys in a file', { issuer: ISSUER, jwks_uri: 'file:///etc/passwd' }],
    ['no address of keys', { issuer: ISSUER }],
    ['a list', []],
    ['a page', '<html>'],
    ['nothing', undefined],
    ['a very long document', `{"issuer": "${'x'.repeat(300_000)}"}`],
  ])('are not taken from %s', async (_, document) => {
    await expect(load({ [DOCUMENT]: document, [KEYS]: { keys: [PUBLIC] } })).rejects.toThrow();
  });

  it.each([[{ keys: [] }], [{ keys: {} }], [{}], [null], [{ keys: Array(101).fill(PUBLIC) }]])(
    'are not taken from the set %#',
    async (set) => {
      await expect(load({ [KEYS]: set }, KEYS)).rejects.toThrow();
    },
  );
});
