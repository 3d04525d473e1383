import type { Clock } from '@headgate/runtime/clock';
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from 'jose';

export interface KeySetOptions {
  /** Loads the keys; ends by itself, in time. */
  readonly load: () => Promise<JSONWebKeySet>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Told about every attempt to load the keys. */
  readonly report: { loaded(keys: number): void; failed(error: unknown): void };
  /** Pause between the starts of two attempts, however many unknown keys callers name. */
  readonly cooldown_ms: number;
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

/**
 * Public keys of an issuer, kept for as long as they may be used. One attempt to load them at a time, so that no late
 * answer replaces a later one.
 */
export function createKeySet({ load, clock, report, ...times }: KeySetOptions) {
  let keys: LoadedKeys | undefined;
  let inFlight: Promise<void> | undefined;
  let startedAtMs = Number.NEGATIVE_INFINITY;

  const attempt = async (): Promise<void> => {
    const beganAtMs = clock.monotonicMs();
    try {
      const jwks = await load();
      // Their age counts from the question: whatever was withdrawn afterwards is not in the answer.
      keys = { find: createLocalJWKSet(jwks), count: jwks.keys.length, loadedAtMs: beganAtMs };
      report.loaded(jwks.keys.length);
    } catch (error) {
      report.failed(error);
    }
  };

  /** Starts an attempt, unless one runs or ran a moment ago; never rejects. */
  const refresh = (): Promise<void> => {
    if (inFlight) return inFlight;
    const nowMs = clock.monotonicMs();
    if (nowMs - startedAtMs < times.cooldown_ms) return Promise.resolve();
    startedAtMs = nowMs;
    inFlight = attempt().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  };

  /** Age of the last good keys in ms; undefined before there were any. */
  const ageMs = () => keys && clock.monotonicMs() - keys.loadedAtMs;
  const usable = () => (keys && (ageMs() as number) < times.max_age_ms ? keys : undefined);

  const findAgain = async (header: JWTHeaderParameters): Promise<CryptoKey> => {
    await refresh();
    const loaded = usable();
    if (!loaded) throw new KeysUnavailable('the keys of the issuer are not available');
    return loaded.find(header);
  };

  return {
    /**
     * The key that a token's header names. Waits for an attempt only when that key is not at hand.
     *
     * @throws KeysUnavailable when there are no keys that may be used
     * @throws JOSEError when there are, and none of them is meant
     */
    async keyFor(header: JWTHeaderParameters): Promise<CryptoKey> {
      const loaded = usable();
      if (!loaded) return findAgain(header);
      if ((ageMs() as number) >= times.refresh_ms) void refresh();
      try {
        return await loaded.find(header);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey) return findAgain(header);
        throw error;
      }
    },
    refresh,
    ageMs,
    /** How many keys may be used now. */
    size: () => usable()?.count ?? 0,
  };
}
