import { keyIdOf, type Role } from '@headgate/contracts/keys';
import { constantTimeEqual } from './digest.ts';
import type { KeyStore } from './key-store.ts';

/** Who sends the request. */
export interface Identity {
  readonly keyId: string;
  readonly role: Role;
  readonly tier: string;
}

/** Stands in for the record of an unknown id, so that it costs the same time; equals no digest. */
const NO_DIGEST = new Uint8Array(32);

/**
 * The identity behind a presented key, or undefined when it is not accepted. Unknown id, wrong secret and
 * garbage take the same path and the same time.
 */
export async function identify(keys: KeyStore, presented: string): Promise<Identity | undefined> {
  const digest = await keys.digest(presented);
  const key = keys.find(keyIdOf(presented) ?? '');
  const matches = constantTimeEqual(digest, key?.digest ?? NO_DIGEST);
  return key !== undefined && matches ? { keyId: key.id, role: key.role, tier: key.tier } : undefined;
}
