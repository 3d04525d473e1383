import type { OidcIssuer } from '@headgate/contracts/config/schema';
import { ROLES, type Role, type RouteScope, type Scopes } from '@headgate/contracts/keys';
import type { Clock } from '@headgate/runtime/clock';
import { sha256 } from '@headgate/runtime/keys/key-store';
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import type { Identity } from '../identity.ts';
import type { TokenRefusal } from '../tokens.ts';
import { type KeySet, KeysUnavailable } from './key-set.ts';

/** 128 bits of the hash: enough that no two people share quotas. */
const SUBJECT_BYTES = 16;
const MAX_SUBJECT_CHARS = 255;

interface TokenContext {
  readonly keys: KeySet;
  readonly clock: Pick<Clock, 'epochMs'>;
  /** Who may have to wait for keys. */
  readonly caller: string;
}

/**
 * Verifies a token that says it is of this issuer. Algorithms, audience and types come from the configuration, never
 * from the token; `jku`, `x5u` and `jwk` in its header are not looked at, and a critical header is refused.
 */
export async function verifyToken(
  token: string,
  issuer: OidcIssuer,
  { keys, clock, caller }: TokenContext,
): Promise<Identity | TokenRefusal> {
  let verified: JWTVerifyResult;
  try {
    verified = await jwtVerify(token, (header) => keys.keyFor(header, caller), {
      issuer: issuer.issuer,
      audience: [...issuer.audiences],
      algorithms: [...issuer.algorithms],
      clockTolerance: issuer.clock_skew_s,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(clock.epochMs()),
    });
  } catch (error) {
    const refusal = refusalOf(error);
    // A token that names no key is checked with the one we have, maybe with the one before a rotation.
    if (refusal === 'signature' && !namesKey(token)) void keys.refresh();
    return refusal;
  }
  const { payload, protectedHeader } = verified;
  if (!issuer.token_types.includes(typeOf(protectedHeader.typ))) return 'type';
  const { sub } = payload;
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT_CHARS) return 'claims';
  return identityOf(payload, sub, issuer);
}

const namesKey = (token: string) => decodeProtectedHeader(token).kid !== undefined;

async function identityOf(payload: JWTPayload, sub: string, issuer: OidcIssuer): Promise<Identity> {
  return {
    keyId: await subjectId(issuer.issuer, sub),
    tier: issuer.tier,
    credential: { kind: 'token', issuer: issuer.name },
    ...grantsOf(payload, issuer),
  };
}

/** Stable for one person at one issuer; no id of an API key has an underscore. */
async function subjectId(issuer: string, subject: string): Promise<string> {
  const digest = await sha256(`${issuer}\n${subject}`);
  const hex = Array.from(digest.subarray(0, SUBJECT_BYTES), (byte) => byte.toString(16).padStart(2, '0'));
  return `oidc_${hex.join('')}`;
}

/** A media type without its prefix, in lower case (RFC 7515, section 4.1.9); absent is ''. */
function typeOf(typ: unknown): string {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof KeysUnavailable) return 'keys_unavailable';
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'nbf' ? 'not_yet_valid' : 'claims';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return 'unknown_key';
  }
  return 'malformed';
}

type Mapping = Pick<OidcIssuer, 'scope_claim' | 'scopes' | 'role_claim' | 'roles' | 'model_claim'>;

/** More values than that are not looked at. */
const MAX_VALUES = 256;

/**
 * What the claims of a verified token allow. Only what the configuration maps counts: a token with no mapped scope may
 * do nothing, one with no mapped role is a client.
 */
export function grantsOf(claims: JWTPayload, mapping: Mapping): { role: Role; scopes: Scopes } {
  const roles = mapped(valuesOf(claims, mapping.role_claim), mapping.roles);
  const models = mapping.model_claim === '' ? undefined : valuesOf(claims, mapping.model_claim);
  return {
    role: ROLES.findLast((role) => roles.includes(role)) ?? 'client',
    scopes: {
      routes: mapped<RouteScope[]>(valuesOf(claims, mapping.scope_claim), mapping.scopes).flat(),
      ...(models && { models }),
    },
  };
}

function mapped<T>(values: readonly string[], mapping: Readonly<Record<string, T>>): T[] {
  return values.flatMap((value) => (Object.hasOwn(mapping, value) ? [mapping[value] as T] : []));
}

/** The values of a claim: a list, or a text of words. `a.b` is a claim of that name, else the member b of claim a. */
function valuesOf(claims: JWTPayload, claim: string): string[] {
  const value = Object.hasOwn(claims, claim)
    ? claims[claim]
    : claim.split('.').reduce<unknown>(memberOf, claims);
  const values = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return values.slice(0, MAX_VALUES).filter((one): one is string => typeof one === 'string' && one !== '');
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
