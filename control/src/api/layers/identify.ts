import { API_BASE, CSRF_HEADER, OPERATOR_HEADER } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { AdminError, type ApiContext, type ApiEnv, type ApiLayer } from '../api-env.ts';
import { sessionIdOf } from '../session/cookie.ts';
import type { Credentials } from '../session/credentials.ts';
import { isTokenOf, type Sessions } from '../session/sessions.ts';

export interface IdentifyOptions {
  readonly secret: InternalSecret | undefined;
  readonly credentials: Credentials;
  readonly sessions: Sessions;
}

type Caller = Omit<ApiEnv['Variables'], 'signal'>;

/** A name of a user of the operating system, or of a pipeline. */
const OPERATOR = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Says who asks, by one of three proofs. Everything but a login needs one. */
export function identify({ secret, credentials, sessions }: IdentifyOptions): ApiLayer {
  const bySecret = (c: ApiContext, shown: string): Caller => {
    if (!secret?.accepts(shown)) throw credentials.refuse(c, 'The internal secret is not accepted.');
    const operator = c.req.header(OPERATOR_HEADER) ?? '';
    if (!OPERATOR.test(operator)) {
      throw new AdminError('invalid', `${OPERATOR_HEADER}: expected the name of the user who asks.`);
    }
    return { actor: `user:${operator}`, session: undefined, isIn: () => true };
  };
  const byKey = async (c: ApiContext, shown: string): Promise<Caller> => {
    const key = await credentials.adminKey(c, shown);
    return { actor: `key:${key.id}`, session: undefined, isIn: () => credentials.isAccepted(key) };
  };
  const bySession = (id: string | undefined): Caller => {
    const session = id === undefined ? undefined : sessions.use(id);
    if (!session) throw new AdminError('unauthenticated', 'Log in with an admin key.');
    return { actor: `key:${session.keyId}`, session, isIn: () => sessions.keep(session) };
  };

  return async function identify(c, next) {
    if (isLogin(c)) return next();
    const shownSecret = c.req.header(HEADER.internalSecret);
    const shownKey = c.req.header(HEADER.apiKey);
    const caller =
      shownSecret !== undefined
        ? bySecret(c, shownSecret)
        : shownKey !== undefined
          ? await byKey(c, shownKey)
          : bySession(sessionIdOf(c));
    c.set('actor', caller.actor);
    c.set('session', caller.session);
    c.set('isIn', caller.isIn);
    await next();
  };
}

/** A change that comes with a session shows its token: a cookie alone may have been sent by any page. */
export function csrf(): ApiLayer {
  return async function csrf(c, next) {
    const session = c.get('session');
    if (session && !READING.has(c.req.method) && !isTokenOf(session, c.req.header(CSRF_HEADER))) {
      throw new AdminError('forbidden', `${CSRF_HEADER}: expected the token of this session.`);
    }
    await next();
  };
}

const isLogin = (c: ApiContext): boolean => c.req.method === 'POST' && c.req.path === `${API_BASE}/session`;
