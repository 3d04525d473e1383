import { ASKED_TWICE } from '@headgate/testkit/issuer';
import { beforeEach, describe, expect, it } from 'vitest';
import { CONFIG } from '../../testing/app-fixture.ts';
import { PAUSE_MS } from './attempts.ts';
import { type OidcVerifier, oidcVerifier } from './verifier.ts';

const ISSUER = {
  audiences: ['headgate'],
  algorithms: ['ES256' as const],
  token_types: ['at+jwt'],
  clock_skew_s: 0,
  tier: 'bench',
  scope_claim: 'scope',
  scopes: {},
  role_claim: 'roles',
  roles: {},
  model_claim: '',
};
const issuerOf = (name: string) => ({
  ...ISSUER,
  name,
  issuer: `https://${name}.test`,
  jwks_uri: `https://${name}.test/keys`,
});
const KEYS = { keys: [{ kty: 'EC', kid: 'one', crv: 'P-256', x: 'AA', y: 'AA' }] };
/** Keys are older than that. */
const refresh_ms = 4 * PAUSE_MS;
const { open_min_ms } = ASKED_TWICE.breaker;

let nowMs: number;
let down: Set<string>;
let asked: string[];
let heard: string[];
let verifier: OidcVerifier;

beforeEach(async () => {
  nowMs = 0;
  down = new Set(['north']);
  asked = [];
  heard = [];
  verifier = oidcVerifier({
    config: {
      ...CONFIG.oidc,
      keys: { ...CONFIG.oidc.keys, refresh_ms },
      issuers: [issuerOf('north'), issuerOf('south')],
    },
    dependency: ASKED_TWICE,
    fetch: async (url) => {
      const name = new URL(String(url)).hostname.split('.')[0] as string;
      asked.push(name);
      if (down.has(name)) throw new Error('down');
      return Response.json(KEYS);
    },
    clock: { monotonicMs: () => nowMs, epochMs: () => nowMs, after: () => () => undefined },
    report: { keysLoaded: () => undefined, keysFailed: () => undefined, tokenRefused: () => undefined },
    resilience: {
      breakerChanged: (dependency, state) => heard.push(`${dependency} ${state}`),
      retry: (dependency, outcome) => heard.push(`${dependency} ${outcome}`),
    },
  });
  await Promise.all([...verifier.keySets.values()].map((keys) => keys.refresh()));
});

/** Lets the named issuer be asked again, as far as the pause between attempts goes. */
async function refreshAfter(name: string, ms: number): Promise<number | undefined> {
  nowMs += ms;
  await verifier.keySets.get(name)?.refresh();
  return verifier.keySets.get(name)?.size();
}

describe('The breaker of an issuer', () => {
  it('opens when the retry failed too, and then the issuer is left alone', async () => {
    expect([asked.filter((name) => name === 'north').length, heard]).toEqual([2, ['jwks sent', 'jwks open']]);
    asked = [];
    await refreshAfter('north', PAUSE_MS);
    expect(asked).toEqual([]);
  });

  it('lets one attempt through after its pause, and stays open when that fails', async () => {
    asked = [];
    heard = [];
    await refreshAfter('north', open_min_ms);
    expect([asked, heard]).toEqual([['north'], ['jwks half_open', 'jwks open']]);
    await refreshAfter('north', PAUSE_MS);
    expect(asked).toEqual(['north']);
  });

  it('closes with the first keys', async () => {
    down.clear();
    heard = [];
    expect(await refreshAfter('north', open_min_ms)).toBe(1);
    expect(heard).toEqual(['jwks half_open', 'jwks closed']);
  });

  it('does not keep the keys of another issuer away', async () => {
    expect(verifier.keySets.get('south')?.size()).toBe(1);
    asked = [];
    await refreshAfter('south', PAUSE_MS);
    expect(asked).toEqual(['south']);
  });
});
