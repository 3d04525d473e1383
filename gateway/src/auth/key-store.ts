import type { KeyRecord, Role, Scopes } from '@headgate/contracts/keys';
import { sha256 } from './digest.ts';

/** A key as the gateway holds it: enough to recognise it, not enough to use it. */
export interface StoredKey {
  readonly id: string;
  readonly role: Role;
  /** Name of a tier; one that is not configured means `default`. */
  readonly tier: string;
  readonly scopes: Scopes | undefined;
  /** SHA-256 of the whole key, 32 bytes. */
  readonly digest: Uint8Array;
  /** Refused from then on, ms since the Unix epoch; Infinity = never. */
  readonly notAfterMs: number;
  /** The secret before the last rotation. */
  readonly previous: { readonly digest: Uint8Array; readonly notAfterMs: number } | undefined;
}

/** Finds key records. In memory here; reloaded live by a later source behind the same interface. */
export interface KeyStore {
  find(id: string): StoredKey | undefined;
  /** Digest of a presented key, as the records hold it: SHA-256 of its UTF-8 bytes. */
  readonly digest: Digest;
}

export type Digest = (text: string) => Uint8Array | Promise<Uint8Array>;

/**
 * Key records in memory.
 *
 * @param digest SHA-256 by WebCrypto, unless the host has a quicker one
 * @throws RangeError when two records share an id
 */
export function memoryKeyStore(records: readonly KeyRecord[], digest: Digest = sha256): KeyStore {
  const keys = new Map<string, StoredKey>();
  for (const record of records) {
    const { id } = record;
    if (keys.has(id)) throw new RangeError(`the key records hold the id ${id} twice; keep one of them`);
    keys.set(id, stored(record));
  }
  return { find: (id) => keys.get(id), digest };
}

function stored({ id, role, tier, scopes, sha256, not_after, previous }: KeyRecord): StoredKey {
  return {
    id,
    role,
    tier,
    scopes,
    digest: bytesOfHex(sha256),
    notAfterMs: not_after === undefined ? Number.POSITIVE_INFINITY : Date.parse(not_after),
    previous: previous && {
      digest: bytesOfHex(previous.sha256),
      notAfterMs: Date.parse(previous.not_after),
    },
  };
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
