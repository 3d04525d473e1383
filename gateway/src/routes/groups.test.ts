import { ROUTE_SCOPES } from '@headgate/contracts/keys';
import { describe, expect, it } from 'vitest';
import { fixture } from '../testing/app-fixture.ts';
import { routeScopeOf } from './groups.ts';

describe('the quotas of a route', () => {
  it('are those of the scope that a credential needs for it, for every route of the app', async () => {
    const seen = new Set<string>();
    for (const scope of ROUTE_SCOPES) {
      const identity = {
        ...{ keyId: 'oidc_0', role: 'admin' as const, tier: 'bench', scopes: { routes: [scope] } },
        credential: { kind: 'token' as const, issuer: 'main' },
      };
      const { app } = await fixture({ tokens: { verify: async () => identity } });
      const routes = app.routes.filter(({ handler }) => handler.name === 'authorize');
      expect(routes.length).toBeGreaterThanOrEqual(20);
      for (const { method, path } of routes) {
        const address = path.replace(':model', 'net').replace(':version', '1');
        const init = { method, headers: { authorization: 'Bearer a.b.c' } };
        const { status } = await app.request(address, init, { ip: '192.0.2.1' });
        if (status === 403) continue;
        expect([method, path, routeScopeOf(method, address)]).toEqual([method, path, scope]);
        seen.add(`${method} ${path}`);
      }
    }
    const { app } = await fixture();
    const all = app.routes.filter(({ handler }) => handler.name === 'authorize');
    expect(seen).toEqual(new Set(all.map(({ method, path }) => `${method} ${path}`)));
  });

  it('are none of theirs for what the app has no route for', () => {
    expect(routeScopeOf('POST', '/nothing')).toBeUndefined();
    expect(routeScopeOf('POST', '/v2/models/net/predict')).toBeUndefined();
    expect(routeScopeOf('POST', '/v1/models/net/infer')).toBeUndefined();
  });
});
