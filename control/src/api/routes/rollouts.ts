import {
  type PoliciesView,
  ROLLOUT_ACTIONS,
  rolloutActionSchema,
  rolloutStartSchema,
} from '@headgate/contracts/admin/api';
import { Hono } from 'hono';
import { type Policies, policyFor } from '../../rollout/policies.ts';
import type { Rollouts } from '../../rollout/rollouts.ts';
import { AdminError, type ApiEnv, bodyOf } from '../api-env.ts';

export interface RolloutDeps {
  readonly rollouts: Pick<Rollouts, 'list' | 'get' | 'start' | 'act'>;
  readonly policies: Policies;
}

/** Rollouts: start, look at, act upon. */
export function rolloutRoutes({ rollouts, policies }: RolloutDeps): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get('/policies', (c) => c.json({ policies } satisfies PoliciesView))
    .get('/rollouts', async (c) => c.json({ rollouts: await rollouts.list() }))
    .post('/rollouts', async (c) => {
      const { model, version, policy } = await bodyOf(c, rolloutStartSchema);
      const request = { model, version, policy: policyFor(policy, policies) };
      return c.json(await rollouts.start(request, c.get('actor')), 201);
    })
    .get('/rollouts/:id', async (c) => c.json(await rollouts.get(c.req.param('id'))))
    .post('/rollouts/:id/:action', async (c) => {
      const action = ROLLOUT_ACTIONS.find((one) => one === c.req.param('action'));
      if (!action) throw new AdminError('not_found', `A rollout knows: ${ROLLOUT_ACTIONS.join(', ')}.`);
      const { why } = await bodyOf(c, rolloutActionSchema);
      return c.json(await rollouts.act(c.req.param('id'), action, c.get('actor'), why));
    });
}
