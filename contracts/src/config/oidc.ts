import { z } from 'zod';
import { ROLES, ROUTE_SCOPES } from '../keys.ts';
import { isSecureUrl } from '../secure-url.ts';

/** Signatures by a private key alone: with a shared secret, whoever verifies could sign. */
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
  /** Short name for metrics and logs. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected lower-case letters, digits and hyphens'),
  /** `iss` of its tokens, letter by letter. */
  issuer: addressSchema,
  /** Tokens must be meant for one of these (`aud`). */
  audiences: z.array(textSchema).min(1).max(16),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1),
  /** Where its keys are; empty = where its discovery document says. */
  jwks_uri: z.union([z.literal(''), addressSchema]).default(''),
  /** Accepted `typ`, in lower case, without `application/`; '' = none. */
  token_types: z
    .array(z.string().regex(/^[a-z0-9+.-]*$/, 'expected lower case'))
    .min(1)
    .default(['at+jwt', 'jwt']),
  /** How far its clock and ours may be apart, in s. */
  clock_skew_s: z.number().int().min(0).max(300).default(30),
  /** Tier of everybody whom it names. */
  tier: z.string().min(1).default('default'),
  /** Claim with scopes; each that `scopes` names allows these kinds of routes, others count for nothing. */
  scope_claim: textSchema.default('scope'),
  scopes: z.record(textSchema, z.array(z.enum(ROUTE_SCOPES)).min(1)),
  /** Claim with roles, groups or the like; `a.b` is member b of claim a. Who has none that `roles` names is a client. */
  role_claim: textSchema.default('roles'),
  roles: z.record(textSchema, z.enum(ROLES)).default({}),
  /** Claim with the names of models that may be asked; empty = all models. */
  model_claim: z.string().max(256).default(''),
});

const ms = (min: number, max: number) => z.number().int().min(min).max(max);

export const oidcSchema = z
  .strictObject({
    /** Longer tokens are refused unread. */
    max_token_bytes: z.number().int().min(256).max(65_536),
    /** How the public keys of an issuer are kept; how it is asked for them: dependencies.jwks. */
    keys: z.strictObject({
      /** Pause between two attempts, whatever keys callers name. */
      cooldown_ms: ms(100, 600_000),
      /** Older ones are loaded anew, while they are used. */
      refresh_ms: ms(1000, 86_400_000),
      /** Older ones are not used, although the issuer cannot be reached. */
      max_age_ms: ms(1000, 604_800_000),
    }),
    issuers: z.array(issuerSchema).max(16),
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
  });

function isUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

export type OidcConfig = z.infer<typeof oidcSchema>;
export type OidcIssuer = OidcConfig['issuers'][number];
