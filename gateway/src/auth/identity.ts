import { HeadgateError } from '@headgate/contracts/errors';
import { keyIdOf, type Role, type Scopes } from '@headgate/contracts/keys';
import {
  type AcceptedSecret,
  acceptedSecret,
  type KeyStore,
  type StoredKey,
} from '@headgate/runtime/keys/key-store';

/** Who sends the request. */
export interface Identity {
  /** Stable and bounded: id of the key record, or `oidc_` and a hash of who the token is about. */
  readonly keyId: string;
  readonly role: Role;
  readonly tier: string;
  /** What the role is narrowed to; absent = nothing. */
  readonly scopes?: Scopes | undefined;
  readonly credential: Credential;
}

/** How the caller proved it: by a key's present secret or the one before, or by a token of a configured issuer. */
type Credential = KeyCredential | { readonly kind: 'token'; readonly issuer: string };

export interface KeyCredential {
  readonly kind: 'key';
  readonly secret: AcceptedSecret;
}

/**
 * The identity behind a presented key, or undefined when it is not accepted. Unknown id, wrong secret, an expired
 * one and garbage take the same path and the same time.
 *
 * @param nowMs wall clock, for expiry
 */
export async function identify(
  keys: KeyStore,
  presented: string,
  nowMs: number,
): Promise<Identity | undefined> {
  const digest = await keys.digest(presented);
  const key = keys.find(keyIdOf(presented) ?? '');
  const secret = acceptedSecret(key, digest, nowMs);
  return key && secret && identityOf(key, secret);
}

function identityOf({ id, role, tier, scopes }: StoredKey, secret: KeyCredential['secret']): Identity {
  return { keyId: id, role, tier, scopes, credential: { kind: 'key', secret } };
}

/** Whether a caller may see and ask a model. */
export function allowsModel(identity: Identity | undefined, model: string): boolean {
  return identity?.scopes?.models?.includes(model) ?? true;
}

/** @throws HeadgateError scope_missing */
export function mayUseModel(identity: Identity | undefined, model: string): void {
  if (allowsModel(identity, model)) return;
  throw new HeadgateError(
    'scope_missing',
    'This credential does not allow to use this model; GET /v1/models lists those it allows.',
  );
}
