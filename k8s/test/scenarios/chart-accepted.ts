import { join } from 'node:path';
import { ROOT } from '../../../scripts/setup/bootstrap.mjs';
import type { Scenario } from '../scenario.ts';

const CHART = join(ROOT, 'k8s/chart');
/** Another release beside the one under test: no object of it is there yet. */
const RELEASE = 'other';
const ALL = [
  'images.registry=registry.acme.org',
  'gateway.canary.enabled=true',
  'inference.pools.gpu.enabled=true',
  'inference.pools.spare.enabled=true',
  'inference.pools.spare.serverless.model=big',
  'networkPolicies.apiServer.cidrs={10.0.0.1/32}',
  'externalMetrics.enabled=true',
  'externalMetrics.caBundle=PEM',
  'inference.autoscaling.queueTimeMs=50',
  'envoy.serverNames={api.acme.org}',
  'mlflow.enabled=true',
  'airflow.enabled=true',
  's3.enabled=true',
];

/** The API server's own opinion of every object: fields, values, Pod Security. Nothing is made. */
export const chartAccepted: Scenario = {
  name: 'chart-accepted',
  title: 'The API server accepts every object of the chart, in each environment, without a warning',
  async run({ kube, figure }) {
    for (const environment of ['dev', 'staging', 'production']) {
      const values = [
        '--values',
        join(CHART, `values-${environment}.yaml`),
        ...ALL.flatMap((one) => ['--set', one]),
      ];
      const input = await kube.helm(['template', RELEASE, CHART, ...values]);
      const args = ['apply', '--dry-run=server', '--warnings-as-errors', '--filename', '-'];
      const accepted = await kube.kubectl(args, { input });
      figure(environment, `${accepted.trim().split('\n').length} objects`);
    }
  },
};
