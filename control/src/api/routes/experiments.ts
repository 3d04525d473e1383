import { LEVELS, METRICS } from '@headgate/contracts/admin/api';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Experiments } from '../../experiments/experiments.ts';
import { type ApiEnv, epochMs, queryOf } from '../api-env.ts';

const which = { experiment: z.string().min(1).max(64).optional(), at_ms: epochMs.optional() };
const level = z.enum(LEVELS).transform(Number).optional();
const askedSchema = z.strictObject({ ...which, level });
const looksSchema = z.strictObject({ ...which, metric: z.enum(METRICS) });

/** Which version is better. */
export function experimentRoutes(experiments: Experiments): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get('/experiments/:model', async (c) =>
      c.json(await experiments.report(c.req.param('model'), queryOf(c, askedSchema))),
    )
    .get('/experiments/:model/looks', async (c) => {
      const { metric, ...asked } = queryOf(c, looksSchema);
      return c.json({ looks: await experiments.looks(c.req.param('model'), metric, asked) });
    })
    .get('/experiments/:model/csv', async (c) => {
      const text = await experiments.csv(c.req.param('model'), queryOf(c, askedSchema));
      return c.body(text, 200, {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment; filename="experiment.csv"',
      });
    });
}
