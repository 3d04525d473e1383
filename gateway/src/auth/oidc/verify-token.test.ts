import type { JWTPayload } from 'jose';
import { expect, it } from 'vitest';
import { grantsOf } from './verify-token.ts';

const MAPPING = {
  scope_claim: 'scope',
  scopes: { ask: ['predict', 'feedback'], look: ['read'] } as const,
  role_claim: 'realm_access.roles',
  roles: { boss: 'admin', qa: 'tester' } as const,
  model_claim: 'https://example.com/models',
};
const mapping = { ...MAPPING, scopes: { ask: [...MAPPING.scopes.ask], look: [...MAPPING.scopes.look] } };

it('takes the highest role, from a member of a claim, and all scopes that are mapped', () => {
  const claims = {
    scope: 'look ask other',
    realm_access: { roles: ['qa', 'boss'] },
    'https://example.com/models': 'net',
  };
  expect(grantsOf(claims, mapping)).toEqual({
    role: 'admin',
    scopes: { routes: ['read', 'predict', 'feedback'], models: ['net'] },
  });
});

it.each([
  {},
  { scope: 7, realm_access: null },
  { scope: ['__proto__', 'constructor'], realm_access: { roles: { boss: true } } },
  { scope: [['ask']], realm_access: 'boss', 'https://example.com/models': { net: true } },
])('allows nothing by %j', (claims) => {
  expect(grantsOf(claims as JWTPayload, mapping)).toEqual({
    role: 'client',
    scopes: { routes: [], models: [] },
  });
});

it('limits nobody to models where no claim is configured', () => {
  expect(grantsOf({}, { ...mapping, model_claim: '' }).scopes).toEqual({ routes: [] });
});
