import { sessionStartSchema } from '@headgate/contracts/admin/api';
import type { AuditSink } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { Hono } from 'hono';
import { AdminError, type ApiEnv, bodyOf } from '../api-env.ts';
import { dropSessionCookie, sessionIdOf, setSessionCookie } from '../session/cookie.ts';
import type { Credentials } from '../session/credentials.ts';
import type { OpenSession, Sessions } from '../session/sessions.ts';

export interface SessionRoutesOptions {
  readonly sessions: Sessions;
  readonly credentials: Credentials;
  readonly audit: Pick<AuditSink, 'change'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
}

/** Login, the session of this browser, logout. */
export function sessionRoutes(options: SessionRoutesOptions): Hono<ApiEnv> {
  const { sessions, credentials } = options;
  const note = noteIn(options);
  const sessionOf = (session: OpenSession | undefined): OpenSession => {
    if (session) return session;
    throw new AdminError('not_found', 'A caller who shows a key or the internal secret has no session.');
  };

  return new Hono<ApiEnv>()
    .post('/session', async (c) => {
      const { key } = await bodyOf(c, sessionStartSchema);
      const { id: keyId, digest } = await credentials.adminKey(c, key);
      // The id that a browser comes with was not made for this login.
      const before = sessions.use(sessionIdOf(c) ?? '');
      if (before) sessions.end(before);
      const { id, session } = sessions.start(keyId, digest);
      await note('session.start', keyId);
      setSessionCookie(c, id);
      return c.json(sessions.view(session));
    })
    .get('/session', (c) => c.json(sessions.view(sessionOf(c.get('session')))))
    .delete('/session', async (c) => {
      const session = sessionOf(c.get('session'));
      sessions.end(session);
      await note('session.end', session.keyId);
      dropSessionCookie(c);
      return c.body(null, 204);
    });
}

/**
 * Records logins and logouts. They happen without a record, too: an operator must see a service whose disk is full; what
 * the session then changes waits for its own record.
 */
function noteIn({ audit, clock, logger }: Pick<SessionRoutesOptions, 'audit' | 'clock' | 'logger'>) {
  return async (action: 'session.start' | 'session.end', keyId: string): Promise<void> => {
    const place = { atMs: clock.epochMs(), requestId: undefined };
    await audit
      .change({ ...place, keyId, action, outcome: 'accepted', detail: {} })
      .catch((err) => logger.error({ err, action }, 'a login has no audit record'));
  };
}
