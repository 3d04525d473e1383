import { randomUUID } from 'node:crypto';
import { API_BASE } from '@headgate/contracts/admin/api';
import { keyIdOf } from '@headgate/contracts/keys';
import { HEADER } from '@headgate/contracts/names';
import type { AuditEntry, AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import { acceptedSecret, type KeyStore } from '@headgate/runtime/keys/key-store';
import { AdminError, type ApiContext } from '../api-env.ts';
import { Guesses } from './guesses.ts';
import { isAdmin } from './sessions.ts';

/** A key that somebody showed: its record, and the digest of the secret. */
export interface ShownKey {
  readonly id: string;
  readonly digest: Uint8Array;
}

export interface CredentialsOptions {
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly audit: Pick<AuditSink, 'record'>;
}

/** Recognises admin keys, limits guessing, and records what it refuses. */
export class Credentials {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  readonly #audit: CredentialsOptions['audit'];
  readonly #guesses: Guesses;

  constructor({ keys, clock, audit }: CredentialsOptions) {
    this.#keys = keys;
    this.#clock = clock;
    this.#audit = audit;
    this.#guesses = new Guesses(clock);
  }

  /** @throws AdminError unauthenticated or too_many; forbidden for a key that may not administer */
  async adminKey(c: ApiContext, shown: string): Promise<ShownKey> {
    const digest = await this.#keys.digest(shown);
    const key = this.#keys.find(keyIdOf(shown) ?? '');
    const secret = acceptedSecret(key, digest, this.#clock.epochMs());
    if (!key || !secret) throw this.refuse(c, 'The API key is not accepted.');
    if (!isAdmin(key)) {
      this.#record(c, { keyId: key.id, status: 403, reason: 'scope_missing' });
      throw new AdminError('forbidden', 'The key needs the role admin, without scopes.');
    }
    return { id: key.id, digest };
  }

  /** Whether a key that was accepted still is. */
  isAccepted({ id, digest }: ShownKey): boolean {
    const key = this.#keys.find(id);
    return (
      acceptedSecret(key, digest, this.#clock.epochMs()) !== undefined && key !== undefined && isAdmin(key)
    );
  }

  /** The refusal of a wrong credential. */
  refuse(c: ApiContext, detail: string): AdminError {
    const retryAfterMs = this.#guesses.charge(addressOf(c));
    if (retryAfterMs === 0) {
      this.#record(c, { keyId: undefined, status: 401, reason: 'wrong_key' });
      return new AdminError('unauthenticated', detail);
    }
    // Beyond the limit guesses leave no record of their own: strangers shall not fill the log.
    c.header(HEADER.retryAfter, String(Math.ceil(retryAfterMs / 1000)));
    return new AdminError('too_many', 'Too many wrong credentials; try again later.');
  }

  #record(c: ApiContext, refusal: Pick<AuditEntry, 'keyId' | 'status' | 'reason'>): void {
    const { method, path } = c.req;
    const route = path === `${API_BASE}/session` ? path : API_BASE;
    const address = addressOf(c);
    const atMs = this.#clock.epochMs();
    this.#audit.record({ ...refusal, atMs, requestId: randomUUID(), address, method, route });
  }
}

/** Undefined where no socket is, in tests. */
const addressOf = (c: ApiContext): string => c.env?.incoming?.socket.remoteAddress ?? '';
