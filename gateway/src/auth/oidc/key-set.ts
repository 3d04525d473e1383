import type { TimerClock } from '@headgate/runtime/clock';
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from 'jose';
import type { Shares } from '../../shares.ts';
import { createAttempts } from './attempts.ts';

export interface KeySetOptions {
  /** Loads the keys; ends by itself, in time. */
  readonly load: () => Promise<JSONWebKeySet>;
  readonly clock: Pick<TimerClock, 'monotonicMs' | 'after'>;
  /** Told about every attempt to load the keys. */
  readonly report: { loaded(keys: number): void; failed(error: unknown): void };
  /** Who may wait for an attempt, by callers. */
  readonly waiting: Shares;
  /** Older keys are reloaded in the background. */
  readonly refresh_ms: number;
  /** Older keys are not used: by then a key that was withdrawn must have lost its effect. */
  readonly max_age_ms: number;
}

export type KeySet = ReturnType<typeof createKeySet>;

export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

interface LoadedKeys {
  readonly find: ReturnType<typeof createLocalJWKSet>;
  readonly count: number;
  readonly loadedAtMs: number;
}

/** Loads the keys of an issuer, and keeps the last good ones for as long as they may be used. */
function keepKeys({ load, clock, report, refresh_ms, max_age_ms }: KeySetOptions) {
  let keys: LoadedKeys | undefined;

  const attempts = createAttempts(async () => {
    const beganAtMs = clock.monotonicMs();
    try {
      const jwks = await load();
      // Their age counts from the question: whatever was withdrawn afterwards is not in the answer.
      keys = { find: createLocalJWKSet(jwks), count: jwks.keys.length, loadedAtMs: beganAtMs };
      report.loaded(jwks.keys.length);
      return true;
    } catch (error) {
      report.failed(error);
      return false;
    }
  }, clock);

  const ageOf = ({ loadedAtMs }: LoadedKeys) => clock.monotonicMs() - loadedAtMs;
  return {
    attempts,
    /** Age of the last good keys in ms; undefined before there were any. */
    ageMs: () => keys && ageOf(keys),
    usable: () => (keys && ageOf(keys) < max_age_ms ? keys : undefined),
    isStale: () => keys !== undefined && ageOf(keys) >= refresh_ms,
  };
}

/**
 * Public keys of an issuer. A token that names an unknown key waits for the next attempt to load them, together with all
 * others that do. An unknown key never blocks the lookup of another.
 */
export function createKeySet(options: KeySetOptions) {
  const { attempts, ageMs, usable, isStale } = keepKeys(options);
  const { waiting } = options;

  /** Waits for the attempt that runs; then, unless that had the key, for the next one. */
  const findAgain = async (header: JWTHeaderParameters): Promise<CryptoKey | undefined> => {
    if (attempts.running()) await attempts.running();
    else if (!usable()) await attempts.next();
    const found = await findIn(usable(), header);
    if (found) return found;
    await attempts.next();
    return findIn(usable(), header);
  };

  /** Waits unless the caller holds its share of those that wait: each of them keeps a connection. */
  const findLater = async (header: JWTHeaderParameters, caller: string): Promise<CryptoKey | undefined> => {
    if (waiting.take(caller, 1)) return findIn(usable(), header);
    return findAgain(header).finally(() => waiting.give(caller, 1));
  };

  return {
    /**
     * The key that a token's header names. Waits for an attempt only when that key is not at hand.
     *
     * @throws KeysUnavailable when there are no keys that may be used
     * @throws JOSEError when there are, and none of them is meant
     */
    async keyFor(header: JWTHeaderParameters, caller: string): Promise<CryptoKey> {
      const keys = usable();
      if (keys && isStale()) void attempts.refresh();
      const key = (keys && (await findIn(keys, header))) ?? (await findLater(header, caller));
      if (!key) throw new errors.JWKSNoMatchingKey();
      return key;
    },
    refresh: attempts.refresh,
    ageMs,
    /** How many keys may be used now. */
    size: () => usable()?.count ?? 0,
  };
}

/** @returns undefined: there are keys that may be used, and none of them is meant */
async function findIn(keys: LoadedKeys | undefined, header: JWTHeaderParameters) {
  if (!keys) throw new KeysUnavailable('the keys of the issuer are not available');
  return keys.find(header).catch((error: unknown) => {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined;
    throw error;
  });
}
