import { expect, it } from 'vitest';
import { oidcSchema } from './oidc.ts';

const issuer = {
  name: 'corporate',
  issuer: 'https://login.example',
  audiences: ['headgate'],
  algorithms: ['RS256'],
  scopes: { 'headgate.predict': ['predict'] },
};
const withIssuers = (...issuers: object[]) =>
  oidcSchema.safeParse({ keys: { refresh_ms: 600_000, max_age_ms: 3_600_000 }, issuers });

it('needs no more of an issuer than who, for whom, how signed and what it allows', () => {
  expect(withIssuers(issuer).success).toBe(true);
  expect(withIssuers({ ...issuer, issuer: 'http://127.0.0.1:8080' }).success).toBe(true);
});

it.each([
  ['a shared secret', { algorithms: ['HS256'] }],
  ['no signature', { algorithms: ['none'] }],
  ['no algorithm', { algorithms: [] }],
  ['no audience', { audiences: [] }],
  ['an address without TLS', { issuer: 'http://login.example' }],
  ['an address with a password', { issuer: 'https://a:b@login.example' }],
  ['keys without TLS', { jwks_uri: 'http://login.example/keys' }],
  ['an unknown kind of routes', { scopes: { all: ['everything'] } }],
  ['an unknown role', { roles: { root: 'root' } }],
  ['a name that is no label', { name: 'Corp!' }],
])('refuses %s', (_, change) => {
  expect(withIssuers({ ...issuer, ...change }).success).toBe(false);
});

it('refuses two issuers of one name or one address', () => {
  expect(withIssuers(issuer, { ...issuer, issuer: 'https://other.example' }).success).toBe(false);
  expect(withIssuers(issuer, { ...issuer, name: 'other' }).success).toBe(false);
});
