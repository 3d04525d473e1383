import type { RequestListener } from 'node:http';
import { resolve } from 'node:path';
import type { LiveView } from '@headgate/contracts/admin/api';
import type { Config } from '@headgate/contracts/config/schema';
import type { AuditSink } from '@headgate/journal/audit/sink';
import { systemClock } from '@headgate/runtime/clock';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { type FileKeyStore, fileKeyStore } from '@headgate/runtime/keys/file-keys';
import { type KeyStore, memoryKeyStore } from '@headgate/runtime/keys/key-store';
import type { Logger } from '@headgate/runtime/logger';
import { FileError } from '@headgate/runtime/watch-file';
import { getRequestListener } from '@hono/node-server';
import type { Changes } from '../audit/changes.ts';
import type { Control } from '../rollout/start-rollouts.ts';
import { routingView } from '../routing/routing-view.ts';
import { createAdminApp } from './app.ts';
import { EventFeed } from './events/feed.ts';
import { rolloutRoutes } from './routes/rollouts.ts';
import { routingRoutes } from './routes/routing.ts';

export interface AdminSurroundings {
  readonly root: string;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly secret: InternalSecret | undefined;
  readonly audit: Pick<AuditSink, 'change'>;
  readonly changes: Changes;
  readonly control: Control;
}

/** The admin API and the console, for control's port. */
export function startAdmin(
  { gateway }: Config,
  { root, logger, secret, audit, changes, control }: AdminSurroundings,
): { readonly admin: RequestListener; stop(): void } {
  const keys = keysOf(resolve(root, gateway.keys_file), logger);
  const live = async (): Promise<LiveView> => ({
    at_ms: systemClock.epochMs(),
    default_model: '',
    routing: { source: 'file', revision: '', changed_at_ms: null, changed_by: null, refused: [] },
    fresh: false,
    gateways: [],
    models: [],
  });
  const feed = new EventFeed({ live, clock: systemClock, logger });
  control.rollouts.onChange((rollout) => feed.send('rollout', rollout));
  control.routing.onChange((snapshot) => feed.send('routing', routingView(snapshot)));
  const app = createAdminApp({
    feed,
    groups: [rolloutRoutes(control), routingRoutes({ ...control, changes })],
    live,
    keys,
    secret,
    audit,
    clock: systemClock,
    logger,
    consoleDir: resolve(root, 'console/dist'),
  });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return { admin: (request, response) => void listener(request, response), stop: () => keys.stop() };
}

/** Control stores records also where it has no keys; then nobody can log in. */
function keysOf(
  path: string,
  logger: AdminSurroundings['logger'],
): Pick<FileKeyStore, keyof KeyStore | 'stop'> {
  const refused = (err: FileError) =>
    logger.error({ err }, 'the keys file cannot be used; control keeps the last good one');
  try {
    return fileKeyStore(path, {
      accepted: (count) => logger.info({ keys: count }, 'key records in force'),
      refused,
    });
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    refused(error);
    return { ...memoryKeyStore([]), stop: () => undefined };
  }
}
