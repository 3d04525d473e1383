import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { identify } from '../auth/identity.ts';
import type { KeyStore } from '../auth/key-store.ts';
import type { AppContext, Layer } from '../context.ts';
import { applyVerdict } from '../rate-limit/apply.ts';
import type { Quotas } from '../rate-limit/quotas.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface AuthenticateOptions {
  readonly keys: KeyStore;
  readonly quotas: Quotas;
  readonly telemetry: Telemetry;
  /** Paths that need no identity. */
  readonly publicPaths: ReadonlySet<string>;
}

/**
 * Finds out who sends the request (X-API-Key). Nobody passes without an identity, whatever the path, except to
 * public paths. A missing credential is not a wrong one: it is charged to the address, but locks nobody out.
 */
export function authenticate({ keys, quotas, telemetry, publicPaths }: AuthenticateOptions): Layer {
  const refuse = async (c: AppContext, error: HeadgateError): Promise<never> => {
    telemetry.authFailed(error.reason);
    const ip = c.get('ipSubject');
    const missing = error.reason === 'missing_credential';
    applyVerdict(c, await (missing ? quotas.chargeAnonymous(ip) : quotas.chargeFailedCredential(ip)));
    throw error;
  };

  return async function authenticate(c, next) {
    if (publicPaths.has(c.req.path)) return next();
    const key = c.req.header(HEADER.apiKey);
    if (key === undefined) return refuse(c, withoutKey(c.req.header('authorization')));
    const identity = await identify(keys, key);
    if (!identity) return refuse(c, new HeadgateError('wrong_key', 'The API key is not accepted.'));
    c.set('identity', identity);
    await next();
  };
}

function withoutKey(authorization: string | undefined): HeadgateError {
  if (authorization === undefined) {
    return new HeadgateError('missing_credential', `Send an API key in the header ${HEADER.apiKey}.`);
  }
  return new HeadgateError(
    'invalid_token',
    `The Authorization header is not accepted; send an API key in the header ${HEADER.apiKey}.`,
  );
}
