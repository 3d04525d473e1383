import { equal, ok, rejects } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@headgate/testkit/eventually';
import { stringify } from 'yaml';
import { createAuthority } from '../../../scripts/setup/certificates.ts';
import type { Context, Scenario } from '../scenario.ts';

const GROUP = '/apis/external.metrics.k8s.io/v1beta1';
const METRIC_NAME = 'headgate_queue_seconds';
const AVAILABLE_MS = 60_000;

/** The figure that autoscalers follow, asked of the API server. */
export const externalMetric: Scenario = {
  name: 'external-metric',
  title:
    'The API server answers the queue time of inference, an HPA follows it; without figures it is an error',
  withinMs: 240_000,
  async run(context) {
    const { kube, release, load, figure, progress, cleanUp } = context;
    progress('deploying');
    cleanUp(() => context.deploy());
    await deployWithCertificate(context);
    const query = (selector = '') => `${GROUP}/namespaces/${kube.namespace}/${METRIC_NAME}${selector}`;
    const read = async (path: string) => JSON.parse(await kube.kubectl(['get', '--raw', path]));

    const running = load();
    await running.answered(60);
    const list = await eventually(() => read(query('?labelSelector=model%3Ddigits')).catch(() => false), {
      ...{ what: 'the metric', withinMs: AVAILABLE_MS, everyMs: 500 },
    });
    const [item, ...more] = list.items;
    equal(more.length, 0);
    ok(/^\d+m?$/.test(item.value), `a quantity: ${item.value}`);
    figure('queue time under load', `${item.value.replace(/m$/, '')} ms`);
    equal((await read(GROUP)).resources[0].name, METRIC_NAME);
    figure('the HPA reads', await readByAutoscaler(context));
    await running.stop();

    progress('without inference');
    const deployment = `deployment/${release}-inference`;
    cleanUp((later) => later.kubectl(['scale', deployment, '--replicas=3']));
    await kube.kubectl(['scale', deployment, '--replicas=0']);
    const missing = () =>
      rejects(kube.kubectl(['get', '--raw', query()])).then(
        () => true,
        () => false,
      );
    await eventually(missing, { what: 'an error', withinMs: AVAILABLE_MS, everyMs: 500 });
    figure('without pods', 'an error');
  },
};

/** The Secret first: the pods of control mount it. */
async function deployWithCertificate({ kube, release, dir, deploy }: Context): Promise<void> {
  const authority = await createAuthority('External metrics of a test');
  const { certificate, key } = await authority.issue(`${release}-control.${kube.namespace}.svc`, 'server');
  await kube.apply({
    ...{
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'headgate-metrics-tls' },
    },
    stringData: { 'tls.crt': certificate, 'tls.key': key },
  });
  const file = join(dir, 'external-metrics.yaml');
  const values = {
    externalMetrics: { enabled: true, caBundle: authority.certificate },
    inference: { autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 4, queueTimeMs: 50 } },
  };
  writeFileSync(file, stringify(values));
  await deploy(['--values', file]);
}

interface Autoscaler {
  readonly status: {
    readonly currentMetrics?:
      | readonly {
          readonly external?: {
            readonly metric: { readonly name: string };
            readonly current: { readonly value: string };
          };
        }[]
      | null;
  };
}

/** The figure as a HorizontalPodAutoscaler has it. */
async function readByAutoscaler({ kube, release }: Context): Promise<string> {
  const look = async () => {
    const { status } = await kube.get<Autoscaler>('hpa', `${release}-inference`);
    return (
      status.currentMetrics?.find(({ external }) => external?.metric.name === METRIC_NAME)?.external ?? false
    );
  };
  const { current } = await eventually(look, {
    what: 'an HPA that reads the metric',
    withinMs: 90_000,
    everyMs: 1000,
  });
  return current.value;
}
