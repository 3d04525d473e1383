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
  verify(token: string): Promise<Identity | TokenRefusal>;
}

/**
 * Whether a refusal may be a guess, to be held against the sender's address. A token that has expired was signed by the
 * issuer; and while the issuer's keys cannot be had, nobody's token is known to be wrong.
 */
export function isGuess(refusal: TokenRefusal): boolean {
  return refusal !== 'expired' && refusal !== 'keys_unavailable';
}
