import { z } from 'zod';
import { ROLES, ROUTE_SCOPES } from '../keys.ts';
import { isSecureUrl } from '../secure-url.ts';
import { group, ms } from './values.ts';

/** Signatures by a private key alone: with a shared secret, every verifier could sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const addressSchema = z.string().refine(isSecureUrl, 'expected an https address (http on loopback only)');
const textSchema = z.string().min(1).max(256);

/** An issuer of bearer tokens (docs/access.md). */
const issuerSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected lower-case letters, digits and hyphens')
    .describe('Short name for metrics and logs.'),
  issuer: addressSchema.describe('`iss` of its tokens, letter by letter.'),
  audiences: z.array(textSchema).min(1).max(16).describe('`aud` of a token is one of these.'),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1),
  jwks_uri: z
    .union([z.literal(''), addressSchema])
    .default('')
    .describe('Address of its keys; empty: as its discovery document says.'),
  token_types: z
    .array(z.string().regex(/^[a-z0-9+.-]*$/, 'expected lower case'))
    .min(1)
    .default(['at+jwt', 'jwt'])
    .describe("Accepted `typ`, in lower case, without `application/`; '': none."),
  clock_skew_s: z
    .number()
    .int()
    .min(0)
    .max(300)
    .default(30)
    .describe('Largest difference between its clock and ours.'),
  tier: z.string().min(1).default('default').describe('Tier of all its callers.'),
  scope_claim: textSchema.default('scope').describe('Claim with scopes.'),
  scopes: z
    .record(textSchema, z.array(z.enum(ROUTE_SCOPES)).min(1))
    .describe('Scope → kinds of routes that it allows; other scopes allow nothing.'),
  role_claim: textSchema
    .default('roles')
    .describe('Claim with roles, groups or the like; `a.b` is member b of claim a.'),
  roles: z
    .record(textSchema, z.enum(ROLES))
    .default({})
    .describe('Value of that claim → role; a caller without one of these values is a client.'),
  model_claim: z
    .string()
    .max(256)
    .default('')
    .describe('Claim with the names of models that may be used; empty: all models.'),
});

export const oidcSchema = z
  .strictObject({
    keys: group({
      refresh_ms: ms(86_400_000)
        .default(600_000)
        .describe(
          'Older public keys of an issuer are loaded again: a withdrawn key is accepted no longer than this.',
        ),
      max_age_ms: ms(604_800_000)
        .default(3_600_000)
        .describe('Older public keys are not used, even while the issuer cannot be reached.'),
    }),
    issuers: z
      .array(issuerSchema)
      .max(16)
      .default([])
      .describe('Issuers whose bearer tokens are accepted, in addition to API keys.'),
  })
  .refine(({ keys }) => keys.refresh_ms < keys.max_age_ms, {
    path: ['keys', 'refresh_ms'],
    message: 'expected less than gateway.oidc.keys.max_age_ms',
  })
  .refine(({ issuers }) => isUnique(issuers.map(({ name }) => name)), {
    path: ['issuers'],
    message: 'expected another name for each issuer',
  })
  .refine(({ issuers }) => isUnique(issuers.map(({ issuer }) => issuer)), {
    path: ['issuers'],
    message: 'expected each issuer once',
  })
  .prefault({});

function isUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

export type OidcConfig = z.infer<typeof oidcSchema>;
export type OidcIssuer = OidcConfig['issuers'][number];
