import type { Identity } from './identity.ts';

/** Why a bearer token was refused: for metrics and logs, never for the caller. A closed set. */
export type TokenRefusal =
  | 'too_large'
  | 'malformed'
  | 'unknown_issuer'
  | 'type'
  | 'algorithm'
  | 'unknown_key'
  | 'keys_unavailable'
  | 'signature'
  | 'expired'
  | 'not_yet_valid'
  | 'claims';

/** Turns a bearer token into an identity. Runs on any fetch host. */
export interface TokenVerifier {
  /** @param caller holds the place of a token that waits for keys: the address, as the identity is not known yet */
  verify(token: string, caller: string): Promise<Identity | TokenRefusal>;
}

/** An expired token was signed by the issuer; the others may be right, and the keys that we have of the issuer wrong. */
const NO_GUESS: ReadonlySet<TokenRefusal> = new Set([
  'expired',
  'not_yet_valid',
  'keys_unavailable',
  'unknown_key',
]);

/** Whether a refusal may be a guess, to be held against the sender's address. */
export const isGuess = (refusal: TokenRefusal): boolean => !NO_GUESS.has(refusal);
