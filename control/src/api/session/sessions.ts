import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Session } from '@headgate/contracts/admin/api';
import type { Clock } from '@headgate/runtime/clock';
import { acceptedSecret, type KeyStore, type StoredKey } from '@headgate/runtime/keys/key-store';

/** A working day. */
const MAX_AGE_MS = 8 * 3_600_000;
const MAX_IDLE_MS = 30 * 60_000;
/** Far more than a team has; beyond it the session that was used least recently ends. */
const MAX_SESSIONS = 64;
/** 256 bits. */
const TOKEN_BYTES = 32;

/** A browser that somebody logged in with an admin key. */
export interface OpenSession {
  /** Digest of its id. */
  readonly name: string;
  readonly keyId: string;
  /** Digest of the secret that was shown: the session ends with it. */
  readonly digest: Uint8Array;
  readonly csrf: string;
  readonly startedMs: number;
  usedMs: number;
}

export interface SessionsOptions {
  readonly keys: Pick<KeyStore, 'find'>;
  readonly clock: Clock;
}

/**
 * Sessions in memory: a restart of control ends them all. One ends after its time, and at once when its key is revoked,
 * expires, loses the role, or is rotated and the old secret's time is over. Ids are kept as digests.
 */
export class Sessions {
  readonly #keys: SessionsOptions['keys'];
  readonly #clock: Clock;
  readonly #open = new Map<string, OpenSession>();

  constructor({ keys, clock }: SessionsOptions) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** @returns the id, which only the browser's cookie has from now on */
  start(keyId: string, digest: Uint8Array): { readonly id: string; readonly session: OpenSession } {
    for (const [name, session] of this.#open) if (this.#leftMs(session) <= 0) this.#open.delete(name);
    const [leastRecent] = this.#open.keys();
    if (leastRecent !== undefined && this.#open.size >= MAX_SESSIONS) this.#open.delete(leastRecent);
    const id = randomBytes(TOKEN_BYTES).toString('base64url');
    const now = this.#clock.monotonicMs();
    const csrf = randomBytes(TOKEN_BYTES).toString('base64url');
    const session = { name: digestOf(id), keyId, digest, csrf, startedMs: now, usedMs: now };
    this.#open.set(session.name, session);
    return { id, session };
  }

  /** The session with this id, which counts as used now. */
  use(id: string): OpenSession | undefined {
    const session = this.#open.get(digestOf(id));
    return session && this.keep(session) ? session : undefined;
  }

  /** Counts an open session as used now. @returns whether it is open */
  keep(session: OpenSession): boolean {
    if (this.#open.get(session.name) !== session || this.#leftMs(session) <= 0) return false;
    session.usedMs = this.#clock.monotonicMs();
    // The order of the map is that of the last use.
    this.#open.delete(session.name);
    this.#open.set(session.name, session);
    return true;
  }

  end({ name }: OpenSession): void {
    this.#open.delete(name);
  }

  view(session: OpenSession): Session {
    const expiresAtMs = Math.floor(this.#clock.epochMs() + this.#leftMs(session));
    return { key_id: session.keyId, csrf: session.csrf, expires_at_ms: expiresAtMs };
  }

  /** Time until it ends when nobody uses it, in ms; 0 or less once it has ended. */
  #leftMs({ keyId, digest, startedMs, usedMs }: OpenSession): number {
    const key = this.#keys.find(keyId);
    const epochMs = this.#clock.epochMs();
    const accepted = acceptedSecret(key, digest, epochMs);
    if (!key || !accepted || !isAdmin(key)) return 0;
    const previousMs = accepted === 'previous' ? (key.previous?.notAfterMs ?? 0) : Number.POSITIVE_INFINITY;
    const untilMs = Math.min(startedMs + MAX_AGE_MS, usedMs + MAX_IDLE_MS);
    return Math.min(untilMs - this.#clock.monotonicMs(), key.notAfterMs - epochMs, previousMs - epochMs);
  }
}

/** Whether a key may do everything here: the admin API knows no part of it. */
export function isAdmin({ role, scopes }: StoredKey): boolean {
  const isNarrowed = scopes?.models !== undefined || scopes?.routes?.includes('operate') === false;
  return role === 'admin' && !isNarrowed;
}

/** Whether a CSRF token is that of the session; takes the same time for each wrong one. */
export function isTokenOf({ csrf }: OpenSession, shown: string | undefined): boolean {
  return timingSafeEqual(hash('sha256', csrf, 'buffer'), hash('sha256', shown ?? '', 'buffer'));
}

const digestOf = (id: string): string => hash('sha256', id);
