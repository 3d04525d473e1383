import type { OidcIssuer } from '@headgate/contracts/config/schema';
import { ROLES, type Role, type RouteScope, type Scopes } from '@headgate/contracts/keys';
import type { JWTPayload } from 'jose';

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
