import { z } from 'zod';
import { policySchema } from '../rollout.ts';
import { group } from './values.ts';

/** The control process (docs/serverless.md, docs/rollouts.md, docs/admin-api.md, docs/deploy.md). */
export const controlSchema = group({
  lease: z
    .string()
    .default('')
    .describe('Lease of the namespace by which one of several control processes leads; empty: there is one.'),
  metrics_tls_dir: z
    .string()
    .default('')
    .describe(
      'Folder with tls.crt and tls.key: control answers external.metrics.k8s.io for autoscalers; empty: it does not.',
    ),
  staged: z
    .enum(['load', 'serve'])
    .default('load')
    .describe(
      'What the alias `staging` of the registry does here. load: its version is loaded and gets no traffic; control keeps the alias `champion` and the tags. serve: its version gets all units, as in an installation that tests it; the registry is only read.',
    ),
  rollout_policies: z
    .record(z.string().min(1), policySchema)
    .default({})
    .describe(
      'Name → how a version is rolled out (docs/rollouts.md); `default` is used where none is named.',
    ),
});
