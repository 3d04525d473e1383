import type { TimerClock } from '@headgate/runtime/clock';
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from 'jose';

/**
 * Least pause between the starts of two attempts, in ms. Strangers can make a gateway ask at this rate, with tokens that
 * name random keys, and no oftener: one small document a second. It is also what they can cost the bearer of a good token.
 */
export const PAUSE_MS = 1000;

export interface KeySetOptions {
  /** Loads the keys; ends by itself, in time. */
  readonly load: () => Promise<JSONWebKeySet>;
  readonly clock: Pick<TimerClock, 'monotonicMs' | 'after'>;
  /** Told about every attempt to load the keys. */
  readonly report: { loaded(keys: number): void; failed(error: unknown): void };
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
 * answer replaces a later one. Whoever names an unknown key waits for the next attempt together with all others who do:
 * nobody's unknown key makes the gateway refuse another one unasked.
 */
export function createKeySet({ load, clock, report, ...times }: KeySetOptions) {
  let keys: LoadedKeys | undefined;
  let failed = false;
  let inFlight: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let startedAtMs = Number.NEGATIVE_INFINITY;

  const attempt = async (): Promise<void> => {
    const beganAtMs = clock.monotonicMs();
    try {
      const jwks = await load();
      // Their age counts from the question: whatever was withdrawn afterwards is not in the answer.
      keys = { find: createLocalJWKSet(jwks), count: jwks.keys.length, loadedAtMs: beganAtMs };
      failed = false;
      report.loaded(jwks.keys.length);
    } catch (error) {
      failed = true;
      report.failed(error);
    }
  };

  const start = (): Promise<void> => {
    startedAtMs = clock.monotonicMs();
    inFlight = attempt().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  };
  const pauseMs = () => Math.max(0, startedAtMs + PAUSE_MS - clock.monotonicMs());

  /** Starts an attempt, unless one runs or ran a moment ago; never rejects. */
  const refresh = (): Promise<void> => inFlight ?? (pauseMs() > 0 ? Promise.resolve() : start());

  /** Waits for an attempt that begins from now on, one for all who wait; after one that failed, nobody waits for the pause. */
  const nextAttempt = (): Promise<void> => {
    if (next) return next;
    if (inFlight || pauseMs() === 0 || failed) return refresh();
    next = new Promise<void>((resolve) => clock.after(pauseMs(), resolve)).then(() => {
      next = undefined;
      return inFlight ?? start();
    });
    return next;
  };

  /** Age of the last good keys in ms; undefined before there were any. */
  const ageMs = () => keys && clock.monotonicMs() - keys.loadedAtMs;
  const usable = () => (keys && (ageMs() as number) < times.max_age_ms ? keys : undefined);

  /** @returns undefined: there are keys that may be used, and none of them is meant */
  const find = async (header: JWTHeaderParameters): Promise<CryptoKey | undefined> => {
    const loaded = usable();
    if (!loaded) throw new KeysUnavailable('the keys of the issuer are not available');
    return loaded.find(header).catch((error: unknown) => {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw error;
    });
  };

  /** Waits for the attempt that runs; then, unless that had the key, for the next one. */
  const findAgain = async (header: JWTHeaderParameters): Promise<CryptoKey> => {
    if (inFlight) await inFlight;
    else if (!usable()) await nextAttempt();
    const found = await find(header);
    if (found) return found;
    await nextAttempt();
    const late = await find(header);
    if (late) return late;
    throw new errors.JWKSNoMatchingKey();
  };

  return {
    /**
     * The key that a token's header names. Waits for an attempt only when that key is not at hand.
     *
     * @throws KeysUnavailable when there are no keys that may be used
     * @throws JOSEError when there are, and none of them is meant
     */
    async keyFor(header: JWTHeaderParameters): Promise<CryptoKey> {
      if (!usable()) return findAgain(header);
      if ((ageMs() as number) >= times.refresh_ms) void refresh();
      return (await find(header)) ?? findAgain(header);
    },
    refresh,
    ageMs,
    /** How many keys may be used now. */
    size: () => usable()?.count ?? 0,
  };
}
