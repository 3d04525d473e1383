import type { RequestListener } from 'node:http';
import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { AuditSink } from '@headgate/journal/audit/sink';
import { systemClock } from '@headgate/runtime/clock';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import type { Logger } from '@headgate/runtime/logger';
import type { Queryable } from '@headgate/stores/postgres/database';
import { getRequestListener } from '@hono/node-server';
import type { Changes } from '../audit/changes.ts';
import type { Scrapes } from '../cluster/scrapes-of.ts';
import { RecentUnits } from '../experiments/recent-units.ts';
import type { StartedExperiments } from '../experiments/start-experiments.ts';
import type { Models } from '../models/start-models.ts';
import type { Control } from '../rollout/start-rollouts.ts';
import { routingView } from '../routing/routing-view.ts';
import { createAdminApp } from './app.ts';
import { auditRows } from './audit/audit-rows.ts';
import { logRows } from './audit/log-rows.ts';
import { checksOf } from './dependencies/checks.ts';
import { Dependencies } from './dependencies/dependencies.ts';
import { EventFeed } from './events/feed.ts';
import { liveView } from './live/live-view.ts';
import { ObservedSplit } from './live/observed.ts';
import { Pods } from './live/pods.ts';
import { accuracyRoutes } from './routes/accuracy.ts';
import { auditRoutes } from './routes/audit.ts';
import { dependencyRoutes } from './routes/dependencies.ts';
import { experimentRoutes } from './routes/experiments.ts';
import { modelRoutes } from './routes/models.ts';
import { requestRoutes } from './routes/requests.ts';
import { rolloutRoutes } from './routes/rollouts.ts';
import { routingRoutes } from './routes/routing.ts';
import { shadowRoutes } from './routes/shadow.ts';
import { keysOf } from './session/keys-of.ts';

export interface AdminSurroundings {
  readonly root: string;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly secret: InternalSecret | undefined;
  readonly scrapes: Scrapes;
  readonly audit: AuditSink;
  readonly changes: Changes;
  readonly control: Control;
  readonly experiments: StartedExperiments;
  readonly models: Models;
  /** Where the audit records are; undefined where they are in no store. */
  readonly auditStore: Queryable | undefined;
}

/** The admin API and the console, for control's port. */
export function startAdmin(
  config: Config,
  {
    root,
    logger,
    secret,
    scrapes,
    audit,
    changes,
    control,
    experiments,
    models,
    auditStore,
  }: AdminSurroundings,
): { readonly admin: RequestListener; stop(): void } {
  const keys = keysOf(resolve(root, config.gateway.keys_file), logger);
  const { records, readRecords } = experiments;
  const pods = new Pods({ scrape: scrapes.inference, nowMs: systemClock.monotonicMs });
  const live = liveOf(pods, control, records);
  const feed = new EventFeed({ live, clock: systemClock, logger });
  control.rollouts.onChange((rollout) => feed.send('rollout', rollout));
  control.routing.onChange((snapshot) => feed.send('routing', routingView(snapshot)));
  const rows = rowsOf(config, root, auditStore);
  const stores = { records, audit: auditStore, registry: models.registry };
  const checks = checksOf(config, { ...scrapes, ...stores, root, routing: control.routing });
  const dependencies = new Dependencies({ checks, clock: systemClock });
  const app = createAdminApp({
    feed,
    groups: [
      rolloutRoutes(control),
      routingRoutes({ ...control, changes, recentUnits: new RecentUnits(readRecords, systemClock) }),
      auditRoutes(rows),
      dependencyRoutes(dependencies),
      experimentRoutes(experiments.experiments),
      accuracyRoutes({ readRecords, now: systemClock.epochMs }),
      requestRoutes({ readRecords, rows, now: systemClock.epochMs }),
      shadowRoutes({ ...control, readRecords, changes, now: systemClock.epochMs }),
      modelRoutes({ models, pods, readRecords, now: systemClock.epochMs }),
    ],
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

function liveOf(pods: Pods, control: Control, records: Queryable | undefined) {
  const observed = new ObservedSplit({ records, clock: systemClock });
  const rolloutOf = async (model: string) => (await control.rollouts.activeOf(model))?.id ?? null;
  return () => liveView({ ...control, pods, observed, rolloutOf, nowMs: systemClock.epochMs });
}

function rowsOf({ audit }: Config, root: string, store: Queryable | undefined) {
  const headsFile = resolve(root, audit.heads_file);
  const logs = logRows({ dir: resolve(root, audit.dir), headsFile, clock: systemClock });
  return auditRows({ store, logs, keysDir: resolve(root, audit.keys_dir) });
}
