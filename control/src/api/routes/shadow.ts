import { shadowChangeSchema } from '@headgate/contracts/admin/api';
import { controlOf, type ModelRouting, type Routing, type Shadow } from '@headgate/contracts/routing';
import { Hono } from 'hono';
import type { Changes } from '../../audit/changes.ts';
import { changedMeanwhile } from '../../routing/conflict.ts';
import { acceptable, type RoutingStore } from '../../routing/routing-store.ts';
import { routingView } from '../../routing/routing-view.ts';
import { knownModel } from '../../routing/weights.ts';
import { shadowReport } from '../../shadow/report.ts';
import type { ReadRecords } from '../../store/read-records.ts';
import { AdminError, type ApiEnv, bodyOf } from '../api-env.ts';
import { reading } from '../reading.ts';

export interface ShadowRoutesDeps {
  readonly routing: RoutingStore;
  readonly readRecords: ReadRecords;
  /** Wall clock in ms. */
  readonly now: () => number;
  readonly changes: Pick<Changes, 'must'>;
}

/** How shadows compare with control, and which versions are shadows. */
export function shadowRoutes({ routing, readRecords, now, changes }: ShadowRoutesDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get('/shadow/:model', async (c) => {
      const model = c.req.param('model');
      const { revision, routing: table } = routing.current();
      const asked = { model, revision, routing: knownModel(table, model), nowMs: now() };
      return c.json(await reading(c, readRecords)((db) => shadowReport({ ...asked, db })));
    })
    .put('/shadow/:model', async (c) => {
      const model = c.req.param('model');
      const { revision, shadows } = await bodyOf(c, shadowChangeSchema);
      const current = routing.current();
      if (current.revision !== revision) throw changedMeanwhile();
      refuseControl(shadows, knownModel(current.routing, model));
      const change = (table: Routing) => withShadows(table, model, shadows);
      // Nothing is on record as changed that is refused.
      acceptable(change(current.routing));
      const text = shadows.map(({ version, sample }) => `${version}=${sample}`).join(' ') || 'none';
      await changes.must('routing.write', c.get('actor'), { model, shadows: text });
      return c.json(routingView(await routing.write(revision, change, c.get('actor'))));
    });
}

function withShadows(table: Routing, model: string, shadows: readonly Shadow[]): Routing {
  const { shadows: _, ...rest } = knownModel(table, model);
  const changed = shadows.length > 0 ? { ...rest, shadows: [...shadows] } : rest;
  return { ...table, models: { ...table.models, [model]: changed } };
}

/** Not a rule of the table: an edit by hand that makes a shadow the control must not be refused. */
function refuseControl(shadows: readonly Shadow[], { experiment }: ModelRouting): void {
  const { version } = controlOf(experiment);
  if (!shadows.some((shadow) => shadow.version === version)) return;
  throw new AdminError(
    'invalid',
    `Version ${version} is the control. Name a version to compare with it; each report also compares the control with itself.`,
  );
}
