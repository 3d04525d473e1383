import { METRIC } from '@headgate/contracts/names';
import { type Client, httpClient } from '@headgate/testkit/http';
import { type Issuer, startIssuer } from '@headgate/testkit/issuer';
import { total } from '@headgate/testkit/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYS } from '../../gateway/src/testing/app-fixture.ts';
import { type OneGateway, startOneGateway } from './one-gateway.ts';

let issuer: Issuer;
let gateway: OneGateway;
let client: Client;

beforeAll(async () => {
  issuer = await startIssuer(Date.now);
  gateway = await startOneGateway({
    HEADGATE_GATEWAY__OIDC__ISSUERS: JSON.stringify([issuer.config]),
    HEADGATE_DEPENDENCIES__JWKS__TIMEOUT_MS: '20000',
  });
  client = httpClient(gateway.origin);
});
afterAll(async () => {
  await client?.close();
  await gateway?.[Symbol.asyncDispose]();
  await issuer?.close();
});

const ask = async (headers: Record<string, string>) =>
  (await client.send({ method: 'GET', path: '/v1/models', headers })).status;
const bearer = (token: string) => ask({ authorization: `Bearer ${token}` });
const spread = async (count: number, send: (i: number) => Promise<number>) =>
  new Set(await Promise.all(Array.from({ length: count }, (_, i) => send(i))));

describe('From one address, beside a client with a right credential', () => {
  it('a stranger who names unknown keys delays a token with a rotated key by seconds, not by a minute', async () => {
    expect(await bearer(await issuer.token())).toBe(200);
    const attack = new AbortController();
    const stranger = (async () => {
      for (let i = 0; !attack.signal.aborted; i++) {
        await bearer(await issuer.token({ sub: 'x' }, { kid: `nobody-${i}` })).catch(() => 0);
      }
    })();
    const asked = issuer.keyRequests();
    const began = performance.now();
    for (let i = 0; i < 3; i++) {
      await issuer.rotate();
      expect(await bearer(await issuer.token())).toBe(200);
    }
    const tookMs = performance.now() - began;
    attack.abort();
    await stranger;
    console.info(`three rotations, each with its first token: ${Math.round(tookMs)} ms`);
    // One question a second at most, and one at each end.
    expect(issuer.keyRequests() - asked).toBeLessThanOrEqual(tookMs / 1000 + 2);
  });

  it('a flood of unknown keys waits on 64 connections, and leaves room for others to wait', async () => {
    const COUNT = 300;
    const flood = httpClient(gateway.origin, { localAddress: '127.0.0.64', connections: COUNT });
    const { promise: until, resolve: answer } = Promise.withResolvers<void>();
    issuer.until = until;
    let answered = 0;
    const refused = Promise.withResolvers<void>();
    const sent = Array.from({ length: COUNT }, async (_, i) => {
      const authorization = `Bearer ${await issuer.token({ sub: 'x' }, { kid: `flood-${i}` })}`;
      await flood.send({ method: 'GET', path: '/v1/models', headers: { authorization } });
      answered += 1;
      if (answered === COUNT - 64) refused.resolve();
    });
    await refused.promise;
    await issuer.rotate();
    const good = bearer(await issuer.token());
    expect(await ask({ 'x-api-key': KEYS.client })).toBe(200);
    expect(answered).toBe(COUNT - 64);
    answer();
    expect(await good).toBe(200);
    await Promise.all(sent);
    await flood.close();
  });

  it.each<[string, Record<string, string>]>([
    ['wrong keys', { 'x-api-key': `hg_guess_${'x'.repeat(43)}` }],
    ['the wrong secret of a right key', { 'x-api-key': `${KEYS.client.slice(0, -1)}x` }],
    ['forged tokens', { authorization: 'Bearer a.b.c' }],
    ['no credential', {}],
  ])('a stranger with %s locks nobody else out', async (_, headers) => {
    expect(await spread(150, () => ask(headers))).toContain(429);
    expect(await spread(20, () => ask({ 'x-api-key': KEYS.client }))).toEqual(new Set([200]));
    expect(await bearer(await issuer.token())).toBe(200);
  });

  it('is shown as an address that guesses', async () => {
    expect(total(await gateway.metrics(), METRIC.lockedAddresses)).toBe(1);
  });
});
