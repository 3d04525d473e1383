import { API_BASE } from '@headgate/contracts/admin/api';
import type { AuditSink } from '@headgate/journal/audit/sink';
import type { TimerClock } from '@headgate/runtime/clock';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import type { KeyStore } from '@headgate/runtime/keys/key-store';
import type { Logger } from '@headgate/runtime/logger';
import { Hono } from 'hono';
import type { ApiEnv, ApiLayer } from './api-env.ts';
import { consoleRoutes } from './console.ts';
import { notFound, onError } from './errors.ts';
import type { EventFeed } from './events/feed.ts';
import { bodyLimit } from './layers/body-limit.ts';
import { deadline } from './layers/deadline.ts';
import { csrf, identify } from './layers/identify.ts';
import { ownHost } from './layers/own-host.ts';
import { protect } from './layers/protect.ts';
import { sameOrigin } from './layers/same-origin.ts';
import { eventRoutes } from './routes/events.ts';
import { type LiveDeps, liveRoutes } from './routes/live.ts';
import { sessionRoutes } from './routes/session.ts';
import { Credentials } from './session/credentials.ts';
import { Sessions } from './session/sessions.ts';

export interface AdminDeps extends LiveDeps {
  readonly keys: KeyStore;
  readonly secret: InternalSecret | undefined;
  readonly audit: AuditSink;
  readonly clock: TimerClock;
  readonly feed: EventFeed;
  readonly logger: Pick<Logger, 'error'>;
  /** What other parts of control answer under `API_BASE`. */
  readonly groups: readonly Hono<ApiEnv>[];
  /** Folder of the built console. */
  readonly consoleDir: string;
}

/** The admin API of control, for the console, the command line and pipelines, and the console itself. */
export function createAdminApp(deps: AdminDeps): Hono<ApiEnv> {
  const { secret, logger, clock, consoleDir, feed, groups } = deps;
  const sessions = new Sessions(deps);
  const credentials = new Credentials(deps);

  // Outermost first.
  const all: ApiLayer[] = [protect(), ownHost(secret)];
  const api: ApiLayer[] = [
    sameOrigin(),
    deadline(clock),
    identify({ secret, credentials, sessions }),
    csrf(),
    bodyLimit(),
  ];
  const routes: readonly Hono<ApiEnv>[] = [
    sessionRoutes({ ...deps, sessions, credentials }),
    liveRoutes(deps),
    eventRoutes(feed),
    ...groups,
  ];

  const app = new Hono<ApiEnv>();
  app.use(...all);
  app.use(`${API_BASE}/*`, ...api);
  for (const group of routes) app.route(API_BASE, group);
  app.route('/', consoleRoutes(consoleDir));
  app.notFound(notFound);
  app.onError(onError(logger));
  return app;
}
