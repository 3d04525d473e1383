import { versionAddedSchema, weightsChangeSchema, weightsPreviewSchema } from '@headgate/contracts/admin/api';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Changes } from '../../audit/changes.ts';
import type { RecentUnits } from '../../experiments/recent-units.ts';
import type { LiveFigures } from '../../figures/live-figures.ts';
import type { Rollouts } from '../../rollout/rollouts.ts';
import { explained } from '../../routing/explain.ts';
import { acceptable, type RoutingStore } from '../../routing/routing-store.ts';
import { routingView } from '../../routing/routing-view.ts';
import { issuesOfWeights, moves, withWeights } from '../../routing/weights.ts';
import { withVersion } from '../../routing/with-version.ts';
import { AdminError, type ApiEnv, bodyOf } from '../api-env.ts';

export interface RoutingDeps {
  readonly routing: RoutingStore;
  readonly rollouts: Pick<Rollouts, 'activeOf'>;
  readonly figures: Pick<LiveFigures, 'readyOn'>;
  readonly recentUnits: Pick<RecentUnits, 'of'>;
  readonly changes: Changes;
}

/** As the gateway takes them. */
const unitSchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);

/** The routing table: read, change weights, preview, explain. */
export function routingRoutes(deps: RoutingDeps): Hono<ApiEnv> {
  const { routing, rollouts, figures, recentUnits, changes } = deps;
  /** @throws AdminError while a rollout owns the weights of the model */
  const mustBeFree = async (model: string) => {
    const active = await rollouts.activeOf(model);
    if (!active || active.state.kind === 'paused') return;
    throw new AdminError(
      'conflict',
      `The rollout ${active.id} sets these weights: pause it, or roll it back.`,
    );
  };

  return new Hono<ApiEnv>()
    .get('/routing', (c) => c.json(routingView(routing.current())))
    .put('/routing/:model/weights', async (c) => {
      const model = c.req.param('model');
      const { revision, weights } = await bodyOf(c, weightsChangeSchema);
      const by = c.get('actor');
      await mustBeFree(model);
      const { routing: table } = routing.current();
      const issues = issuesOfWeights(table, model, weights);
      if (issues.length > 0) throw new AdminError('invalid', issues.join('; '));
      const detail = { model, revision_before: revision, weights: JSON.stringify(weights) };
      await changes.must('routing.write', by, detail);
      const after = await routing.write(revision, (before) => withWeights(before, model, weights), by);
      return c.json(routingView(after));
    })
    .post('/routing/:model/versions', async (c) => {
      const model = c.req.param('model');
      const { revision, version, weight } = await bodyOf(c, versionAddedSchema);
      const by = c.get('actor');
      await mustBeFree(model);
      const added = { version, weight };
      // Refused before it is on record.
      acceptable(withVersion(routing.current().routing, model, added));
      await changes.must('routing.write', by, { model, revision_before: revision, ...added });
      const after = await routing.write(revision, (before) => withVersion(before, model, added), by);
      return c.json(routingView(after));
    })
    .post('/routing/:model/preview', async (c) => {
      const { weights } = await bodyOf(c, weightsPreviewSchema);
      const { routing: table } = routing.current();
      const model = c.req.param('model');
      const issues = issuesOfWeights(table, model, weights);
      if (issues.length > 0) return c.json({ issues, moves: [] });
      const seen = await recentUnits.of(model);
      return c.json({ issues, moves: moves(table, withWeights(table, model, weights), model, seen) });
    })
    .get('/routing/:model/explain', (c) => {
      const { unit, key } = c.req.query();
      const asked = unitSchema.safeParse(unit ?? key);
      if (!asked.success) {
        throw new AdminError('invalid', 'unit or key: expected 1 to 128 visible ASCII characters');
      }
      const rule = unit === undefined ? 'api key' : 'unit header';
      const { routing: table } = routing.current();
      return c.json(explained(table, c.req.param('model'), { unit: asked.data, rule }, figures));
    });
}
