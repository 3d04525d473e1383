import { describe, expect, it } from 'vitest';
import type { AppDeps } from './deps.ts';
import { CONFIG, fixture, KEYS } from './testing/app-fixture.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** Addresses that the app has no route for, some of them near ones that it has. */
const NOWHERE = [
  '/',
  '/nothing',
  '/v1',
  '/v2/',
  '/v2/models',
  '/metrics',
  '/readyz',
  '/livez',
  '/debug',
  '/.env',
];

const CONFIGURATIONS: [string, Partial<AppDeps>, readonly string[]][] = [
  ['by default', {}, []],
  [
    'with public documentation',
    { config: { ...CONFIG, docs_public: true } },
    ['/docs', '/docs/script.js', '/openapi.json'],
  ],
  ['with bearer tokens', { tokens: { verify: async () => 'malformed' } }, []],
];

/** Every address of the app, parameters filled in. */
async function addressesOf(deps: Partial<AppDeps>) {
  const { app } = await fixture(deps);
  const patterns = new Set(app.routes.map(({ path }) => path).filter((path) => path !== '/*'));
  const paths = [...patterns].map((path) => path.replace(':model', 'net').replace(':version', '1'));
  return { app, paths };
}

describe.each(CONFIGURATIONS)('the routes of the app %s', (_, deps, publicPaths) => {
  it('all need an identity, by whatever method, except those that are meant to be public', async () => {
    const { app, paths } = await addressesOf(deps);
    expect(paths.length).toBeGreaterThanOrEqual(20);
    const open = new Set<string>();
    for (const [host, path] of [...paths, ...NOWHERE].entries()) {
      for (const method of METHODS) {
        const { status } = await app.request(path, { method }, { ip: `192.0.2.${host}` });
        if (status !== 401) open.add(path);
      }
    }
    expect([...open].sort()).toEqual(publicPaths);
  });

  it('open to nobody by another spelling of a path', async () => {
    const { app } = await addressesOf(deps);
    for (const path of ['/docs/', '//docs', '/docs/../predict', '/docs;x', '/docs%2f', '/DOCS', '/docs/..']) {
      expect([path, (await app.request(path, {}, { ip: '192.0.2.1' })).status]).toEqual([path, 401]);
    }
  });

  it('are refused to a credential that is allowed nothing, all of them', async () => {
    const identity = {
      keyId: 'oidc_0',
      role: 'admin' as const,
      tier: 'bench',
      scopes: { routes: [] },
      credential: { kind: 'token' as const, issuer: 'test' },
    };
    const { app, paths } = await addressesOf({ ...deps, tokens: { verify: async () => identity } });
    const headers = { authorization: 'Bearer a.b.c' };
    for (const path of paths.filter((path) => !publicPaths.includes(path))) {
      const statuses = await Promise.all(
        ['GET', 'POST'].map(async (method) => {
          const { status } = await app.request(path, { method, headers }, { ip: '192.0.2.1' });
          return status;
        }),
      );
      expect([path, statuses.filter((status) => status !== 405)]).toEqual([path, [403]]);
    }
  });
});

it('a missing route is 404 to somebody who is known', async () => {
  const { send } = await fixture();
  expect((await send('/nothing', { headers: { 'x-api-key': KEYS.bench } })).status).toBe(404);
});
