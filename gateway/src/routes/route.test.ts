import { ROUTE_SCOPES } from '@headgate/contracts/keys';
import { describe, expect, it } from 'vitest';
import { CONFIG, fixture } from '../testing/app-fixture.ts';

describe('the quotas of a route', () => {
  it('are those of the scope that a credential needs for it, for every route of the app', async () => {
    const seen: string[] = [];
    let listed: string[] = [];
    for (const scope of ROUTE_SCOPES) {
      const tiers = {
        ...CONFIG.rate_limit.tiers,
        once: { all: null, predict: null, [scope]: { points: 1, window_s: 60 } },
      };
      const config = { ...CONFIG, rate_limit: { ...CONFIG.rate_limit, tiers } };
      let keyId = '';
      const verify = async () => ({
        ...{ keyId, role: 'admin' as const, tier: 'once', scopes: { routes: [scope] } },
        credential: { kind: 'token' as const, issuer: 'main' },
      });
      const { app } = await fixture({ config, tokens: { verify } });
      const routes = app.routes.filter(({ handler }) => handler.name === 'authorize');
      listed = routes.map(({ method, path }) => `${method} ${path}`);
      for (const [i, { method, path }] of routes.entries()) {
        keyId = `oidc_${i}`;
        const init = { method, headers: { authorization: 'Bearer a.b.c' } };
        const ask = async () =>
          (
            await app.request(path.replace(':model', 'net').replace(':version', '1'), init, {
              ip: `192.0.2.${i}`,
            })
          ).status;
        const isAllowed = (await ask()) !== 403;
        expect([method, path, await ask()]).toEqual([method, path, isAllowed ? 429 : 403]);
        if (isAllowed) seen.push(`${method} ${path}`);
      }
    }
    expect(listed.length).toBeGreaterThanOrEqual(20);
    expect(seen.toSorted()).toEqual(listed.toSorted());
  });

  it('are none of theirs for what the app has no route for', async () => {
    const limited = { points: 1, window_s: 60 };
    const tiers = { ...CONFIG.rate_limit.tiers, bench: { all: null, predict: limited, read: limited } };
    const config = { ...CONFIG, rate_limit: { ...CONFIG.rate_limit, tiers } };
    const { send, seen } = await fixture({ config });
    for (const path of ['/nothing', '/v2/models/net/predict', '/v1/models/net/infer']) {
      for (let i = 0; i < 2; i += 1) expect((await send(path, { method: 'POST' })).status).toBe(404);
    }
    expect(seen.rateLimited).toEqual([]);
  });

  it('are those of reading for other requests that the app has no route for', async () => {
    const read = { points: 3, window_s: 60 };
    const tiers = { ...CONFIG.rate_limit.tiers, bench: { all: null, predict: null, read } };
    const config = { ...CONFIG, rate_limit: { ...CONFIG.rate_limit, tiers } };
    const { send } = await fixture({ config });
    const ask = async (path: string, method: string) => (await send(path, { method })).status;
    expect([await ask('/nothing', 'GET'), await ask('/predict', 'PUT')]).toEqual([404, 405]);
    expect(await ask('/nothing', 'HEAD')).toBe(404);
    expect(await ask('/nothing', 'DELETE')).toBe(429);
  });
});
