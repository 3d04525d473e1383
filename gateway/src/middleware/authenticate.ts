import { HeadgateError } from '@headgate/contracts/errors';
import { keyIdOf } from '@headgate/contracts/keys';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { KeyStore } from '@headgate/runtime/keys/key-store';
import { type Identity, identify } from '../auth/identity.ts';
import { isGuess, type TokenVerifier } from '../auth/tokens.ts';
import type { AppContext, Layer } from '../context.ts';
import { untilOver } from '../deadline.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import { applyVerdict } from '../rate-limit/verdict.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface AuthenticateOptions {
  readonly keys: KeyStore;
  /** Absent: no bearer token is accepted. */
  readonly tokens: TokenVerifier | undefined;
  readonly quotas: Quotas;
  readonly telemetry: Telemetry;
  readonly clock: Pick<Clock, 'epochMs'>;
  /** Paths that need no identity. */
  readonly publicPaths: ReadonlySet<string>;
}

/** Why a request is not let in, and whether it may have been a guess. */
interface Refusal {
  readonly error: HeadgateError;
  readonly isGuess: boolean;
}

/** One scheme, one token of the characters that a JWT has: two headers, joined by a comma, are not. */
const BEARER = /^Bearer +([A-Za-z0-9._-]+)$/i;

/**
 * Identifies the caller by an API key in X-API-Key, else by a bearer token. Every path but the public ones needs an
 * identity. A right credential is let in, also after wrong ones from its address. One that cannot be a guess (none, an
 * expired token, a key in the wrong header) is charged to the address like any request, but does not lock it out.
 */
export function authenticate(options: AuthenticateOptions): Layer {
  const { keys, tokens, quotas, telemetry, clock, publicPaths } = options;

  const byKey = async (key: string): Promise<Identity | Refusal> =>
    (await identify(keys, key, clock.epochMs())) ??
    refusal('wrong_key', 'The API key is not accepted.', true);

  const byToken = async (c: AppContext, authorization: string): Promise<Identity | Refusal> => {
    const [, token = ''] = BEARER.exec(authorization) ?? [];
    if (!tokens || keyIdOf(token) !== undefined) {
      const detail = `The Authorization header is not accepted; send an API key in the header ${HEADER.apiKey}.`;
      return refusal('invalid_token', detail, false);
    }
    if (!/^Bearer\b/i.test(authorization)) {
      const detail = `Authorization takes Bearer and a token; send an API key in the header ${HEADER.apiKey}.`;
      return refusal('invalid_token', detail, false);
    }
    const verify = () => untilOver(tokens.verify(token, c.get('ipSubject')), c.get('deadline'));
    const outcome = token === '' ? 'malformed' : await verify();
    if (typeof outcome !== 'string') return outcome;
    return refusal('invalid_token', 'The bearer token is not accepted; get a new one.', isGuess(outcome));
  };

  const identityOf = (c: AppContext): Promise<Identity | Refusal> | Refusal => {
    const key = c.req.header(HEADER.apiKey);
    if (key !== undefined) return byKey(key);
    const authorization = c.req.header('authorization');
    return authorization === undefined ? missing(tokens) : byToken(c, authorization);
  };

  const refuse = async (c: AppContext, { error, isGuess }: Refusal): Promise<never> => {
    const ip = c.get('ipSubject');
    const verdict = await (isGuess ? quotas.chargeFailedCredential(ip) : quotas.chargeAnonymous(ip));
    telemetry.authFailed(error.reason);
    const isOut = verdict.applied.some(({ rule, state }) => rule.scope === 'credentials' && !state.allowed);
    if (isOut) telemetry.addressLockedOut(ip, verdict.refusal?.retryAfterMs ?? 0);
    applyVerdict(c, verdict);
    throw error;
  };

  return async function authenticate(c, next) {
    if (publicPaths.has(c.req.path)) return next();
    const outcome = await identityOf(c);
    if ('error' in outcome) return refuse(c, outcome);
    const { keyId, credential } = outcome;
    if (credential.kind === 'key') telemetry.keyUsed(keyId, credential.secret);
    c.set('identity', outcome);
    await next();
  };
}

function refusal(reason: HeadgateError['reason'], detail: string, isGuess: boolean): Refusal {
  return { error: new HeadgateError(reason, detail), isGuess };
}

function missing(tokens: TokenVerifier | undefined): Refusal {
  const orToken = tokens ? ', or a bearer token in the header authorization' : '';
  return refusal('missing_credential', `Send an API key in the header ${HEADER.apiKey}${orToken}.`, false);
}
