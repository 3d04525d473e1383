import { systemClock } from '@headgate/runtime/clock';
import type { BreakerState } from '@headgate/runtime/resilience/report';
import { type Fault, type FaultProxy, startFaultProxy } from '@headgate/testkit/fault-proxy';
import { ASKED_TWICE, type Issuer, startIssuer } from '@headgate/testkit/issuer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONFIG } from '../../testing/app-fixture.ts';
import { type OidcVerifier, oidcVerifier } from './verifier.ts';

const { refresh_ms } = CONFIG.oidc.keys;
const { open_min_ms } = ASKED_TWICE.breaker;

let aheadMs: number;
let issuer: Issuer;
let proxy: FaultProxy;
let verifier: OidcVerifier;
let states: BreakerState[];

beforeEach(async () => {
  aheadMs = 0;
  states = [];
  issuer = await startIssuer(Date.now);
  proxy = await startFaultProxy(Number(new URL(issuer.url).port));
  verifier = oidcVerifier({
    config: {
      ...CONFIG.oidc,
      issuers: [{ ...issuer.config, jwks_uri: `http://127.0.0.1:${proxy.port}/keys` }],
    },
    dependency: ASKED_TWICE,
    fetch,
    clock: { ...systemClock, monotonicMs: () => aheadMs },
    report: { keysLoaded: () => undefined, keysFailed: () => undefined, tokenRefused: () => undefined },
    resilience: { breakerChanged: (_, state) => states.push(state), retry: () => undefined },
  });
});
afterEach(async () => {
  proxy.close();
  await issuer.close();
});

const outcomeOf = async (token: string) => {
  const outcome = await verifier.verify(token, '192.0.2.7');
  return typeof outcome === 'string' ? outcome : 'accepted';
};

/** What the issuer does while it is down. */
type Outage = Fault | { readonly kind: 'status'; readonly status: number };
const begin = (outage: Outage) => {
  if (outage.kind === 'status') issuer.status = outage.status;
  else proxy.set(outage);
};
const end = () => {
  issuer.status = 200;
  proxy.set({ kind: 'none' });
};

describe('While the issuer of bearer tokens is down', () => {
  it.each<Outage>([
    { kind: 'black_hole' },
    { kind: 'reset' },
    { kind: 'latency', ms: 2000 },
    { kind: 'slow_close', ms: 50 },
    { kind: 'status', status: 500 },
  ])(
    'by %j, known keys go on working, the breaker opens, and new keys are found afterwards',
    async (outage) => {
      const token = await issuer.token();
      expect(await outcomeOf(token)).toBe('accepted');

      begin(outage);
      aheadMs = refresh_ms;
      expect(await outcomeOf(token)).toBe('accepted');
      await expect.poll(() => states, { timeout: 10_000 }).toEqual(['open']);
      expect(await outcomeOf(token)).toBe('accepted');

      end();
      await issuer.rotate();
      const rotated = await issuer.token();
      const askLater = () => {
        aheadMs += open_min_ms;
        return outcomeOf(rotated);
      };
      await expect.poll(askLater, { timeout: 10_000 }).toBe('accepted');
      expect(states.at(-1)).toBe('closed');
    },
  );
});
