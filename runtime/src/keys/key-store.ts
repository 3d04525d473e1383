import type { KeyRecord, Role, Scopes } from '@headgate/contracts/keys';

/** A key as a process holds it: enough to recognise it, not enough to use it. */
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

type Digest = (text: string) => Uint8Array | Promise<Uint8Array>;

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

const encoder = new TextEncoder();

/** SHA-256 of a text's UTF-8 bytes: 32 bytes. */
export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)));
}

export type AcceptedSecret = 'current' | 'previous';

/** Stands in for the record of an unknown id, so that it costs the same time; equals no digest. */
const NO_DIGEST = new Uint8Array(32);

/**
 * Which secret of a key has this digest, while it is accepted. An unknown key, a wrong secret and an expired one take
 * the same path and the same time.
 *
 * @param nowMs wall clock, for expiry
 */
export function acceptedSecret(
  key: StoredKey | undefined,
  digest: Uint8Array,
  nowMs: number,
): AcceptedSecret | undefined {
  const isCurrent = constantTimeEqual(digest, key?.digest ?? NO_DIGEST);
  const isPrevious = constantTimeEqual(digest, key?.previous?.digest ?? NO_DIGEST);
  if (key === undefined || nowMs >= key.notAfterMs) return undefined;
  if (isCurrent) return 'current';
  if (isPrevious && nowMs < (key.previous?.notAfterMs ?? 0)) return 'previous';
  return undefined;
}

/** Compares two digests without telling by its duration where they differ. Different lengths are unequal. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}
