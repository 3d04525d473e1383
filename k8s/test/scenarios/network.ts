import { deepEqual } from 'node:assert/strict';
import { rowsOf } from '../../chart/test/page.ts';
import type { HostView } from '../host.ts';
import type { Kube, Pod } from '../kube.ts';
import type { Scenario } from '../scenario.ts';

/** Ports on which each component listens. */
const PORTS: Readonly<Record<string, readonly number[]>> = {
  envoy: [8440, 8443, 8446, 8448],
  gateway: [8441, 8442],
  inference: [8444, 8445],
  control: [8447],
  redis: [6379],
  postgres: [5432],
};
const COMPONENTS = Object.keys(PORTS);
/** A pod of another namespace, which has no policy of its own. */
const FOREIGN = 'a pod of another namespace';
const AT_ONCE = 12;

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly ip: string;
  readonly port: number;
  readonly allowed: boolean;
}

/** Connects from every component to every port, and compares with the documented table. */
export const network: Scenario = {
  name: 'network',
  title: 'Each documented arrow passes, every other one is blocked',
  async run({ kube, host, figure }) {
    const pods = new Map<string, Pod>();
    for (const component of COMPONENTS) pods.set(component, await podOf(kube, component));
    pods.set(FOREIGN, await foreignPod(kube));
    const arrows = [...between(pods), ...(await outwards(kube))];
    const found = new Map<Arrow, boolean>();
    const queue = [...arrows];
    const work = async () => {
      for (let arrow = queue.pop(); arrow; arrow = queue.pop()) {
        found.set(arrow, await connects(host, pods.get(arrow.from) as Pod, arrow));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const wrong = arrows.filter((arrow) => found.get(arrow) !== arrow.allowed);
    deepEqual(
      wrong.map(
        ({ from, to, port, allowed }) => `${from} to ${to} ${port}: ${allowed ? 'blocked' : 'passes'}`,
      ),
      [],
    );
    figure('arrows that pass', arrows.filter(({ allowed }) => allowed).length);
    figure('arrows blocked', arrows.filter(({ allowed }) => !allowed).length);
  },
};

async function podOf(kube: Kube, component: string): Promise<Pod> {
  const [pod] = await kube.readyPods(component);
  if (pod === undefined) throw new Error(`no pod of ${component} is ready`);
  return pod;
}

async function foreignPod(kube: Kube): Promise<Pod> {
  const args = ['pods', '--namespace', 'kube-system', '-l', 'k8s-app=kube-dns'];
  const [pod] = (await kube.get<{ items: Pod[] }>(...args)).items;
  if (pod === undefined) throw new Error('no pod of the cluster DNS');
  return pod;
}

/** From each pod to each port of each component, its own too: a pod reaches another one of its kind by no arrow. */
function between(pods: ReadonlyMap<string, Pod>): Arrow[] {
  const rows = rowsOf('Network').map(([, from = '', to = '', ports = '']) => ({
    from: from.split(', '),
    to: to.split(', '),
    ports: ports.split(', ').map(Number),
  }));
  const isAllowed = (from: string, to: string, port: number) =>
    rows.some(
      (row) =>
        row.to.includes(to) &&
        row.ports.includes(port) &&
        (row.from.includes(from) ||
          (from === FOREIGN && row.from.includes('`networkPolicies.clients.from`'))),
    );
  return [...pods.keys()].flatMap((from) =>
    COMPONENTS.filter((to) => to !== from).flatMap((to) =>
      (PORTS[to] ?? []).map((port) => ({
        from,
        to,
        port,
        ip: pods.get(to)?.status.podIP ?? '',
        allowed: isAllowed(from, to, port),
      })),
    ),
  );
}

/** From each component to the API server, the cluster's DNS, and another port of the node that runs both. */
async function outwards(kube: Kube): Promise<Arrow[]> {
  const asks =
    rowsOf('Network')
      .find(([name]) => name === '`to-api-server`')?.[1]
      ?.split(', ') ?? [];
  const clusterIp = async (namespace: string, name: string) =>
    (await kube.get<{ spec: { clusterIP: string } }>('service', name, '--namespace', namespace)).spec
      .clusterIP;
  const api = await clusterIp('default', 'kubernetes');
  const dns = await clusterIp('kube-system', 'kube-dns');
  const { subsets } = await kube.get<Endpoints>('endpoints', 'kubernetes', '--namespace', 'default');
  const node = subsets[0]?.addresses[0]?.ip ?? '';
  return COMPONENTS.flatMap((from) => [
    { from, to: 'the API server', ip: api, port: 443, allowed: asks.includes(from) },
    { from, to: 'DNS', ip: dns, port: 53, allowed: true },
    { from, to: "the node's kubelet", ip: node, port: 10_250, allowed: false },
  ]);
}

interface Endpoints {
  readonly subsets: readonly { readonly addresses: readonly { readonly ip: string }[] }[];
}

/** A connection within a second; a policy drops packets or refuses them. */
async function connects(host: HostView, pod: Pod, { ip, port }: Arrow): Promise<boolean> {
  try {
    await host.inNetworkOf(pod, ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${ip}/${port}`]);
    return true;
  } catch {
    return false;
  }
}
