import { X509Certificate } from 'node:crypto';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { createAuthority } from '../../../scripts/setup/certificates.ts';
import { type HeldConnection, holdHttp1, holdHttp2, servedSerial } from '../held.ts';
import type { Kube } from '../kube.ts';
import type { Edge, Scenario } from '../scenario.ts';

const SECRET = 'headgate-tls';
const HTTPS_PORT = 8443;
/** The kubelet looks once a minute, and adds half a minute by chance. */
const SYNC_MS = 120_000;

/** A new certificate of another authority takes the place of the one that is served. */
export const certificateReplaced: Scenario = {
  name: 'certificate',
  title: 'A replaced certificate Secret reaches new connections, and no open one is dropped',
  withinMs: 240_000,
  async run({ kube, edge, load, figure, progress, cleanUp }) {
    const authority = await createAuthority('Replacement for a test');
    const { certificate, key } = await authority.issue(edge.host, 'server');
    const trusting = { ...edge, ca: edge.ca + authority.certificate };
    const pods = await edgesOf(kube, trusting);
    const held = pods.flatMap((pod) => [holdHttp1(pod), holdHttp2(pod)]);
    cleanUp(async () => held.forEach((one) => void one.close()));
    const { data } = await kube.get<{ data: Record<string, string> }>('secret', SECRET);
    cleanUp((later) => restore(later, data, pods));

    const running = load({ trusts: authority.certificate });
    await running.answered(20);
    await useAll(held);
    progress('waiting for the kubelets');
    const startMs = performance.now();
    await kube.apply(secret({ stringData: { 'tls.crt': certificate, 'tls.key': key } }));
    const seen = await Promise.all(
      pods.map(async (pod) => {
        await untilServed(pod, certificate, held);
        return performance.now() - startMs;
      }),
    );
    figure('first Envoy', `${(Math.min(...seen) / 1000).toFixed(1)} s`);
    figure('last Envoy', secondsSince(startMs));
    await useAll(held);
    figure('open connections kept', `${held.length} of ${held.length}`);
    await running.answered(40);
    await running.stop();
  },
};

/** Each Envoy by its own address. */
async function edgesOf(kube: Kube, edge: Edge): Promise<Edge[]> {
  const pods = await kube.readyPods('envoy');
  return pods.map(({ status }) => ({ ...edge, origin: `https://${status.podIP}:${HTTPS_PORT}` }));
}

async function untilServed(
  pod: Edge,
  certificate: string,
  held: readonly HeldConnection[] = [],
): Promise<void> {
  const expected = new X509Certificate(certificate).serialNumber;
  const look = async () => {
    await useAll(held);
    return (await servedSerial(pod)) === expected;
  };
  await eventually(look, { what: 'the new certificate', withinMs: SYNC_MS, everyMs: 500 });
}

async function useAll(held: readonly HeldConnection[]): Promise<void> {
  await Promise.all(held.map((one) => one.use()));
}

/** A changed annotation makes the kubelet look at once. */
async function restore(kube: Kube, data: Record<string, string>, pods: readonly Edge[]): Promise<void> {
  await kube.apply(secret({ data }));
  const label = 'app.kubernetes.io/component=envoy';
  await kube.kubectl(['annotate', 'pods', '-l', label, '--overwrite', `restored=${Date.now()}`]);
  const certificate = Buffer.from(data['tls.crt'] ?? '', 'base64').toString();
  await Promise.all(pods.map((pod) => untilServed(pod, certificate)));
}

const secret = (content: object) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: SECRET } },
  ...content,
});
