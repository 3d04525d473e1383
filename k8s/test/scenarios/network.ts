import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { rowsOf } from '../../chart/test/page.ts';
import { HOST_IP } from '../../cluster/layout.ts';
import { sh } from '../../cluster/shell.ts';
import type { Kube, Pod } from '../kube.ts';
import { type Context, type Scenario, Skipped } from '../scenario.ts';

type Ports = Readonly<Record<string, readonly number[]>>;
/** On which the pods of each component listen. */
export const PORTS: Ports = {
  envoy: [8440, 8443, 8446, 8448],
  gateway: [8441, 8442],
  inference: [8444, 8445],
  control: [8447, 8449],
  redis: [6379],
  postgres: [5432],
};
/** Listens only with `externalMetrics`. */
const OPTIONAL_PORT = 8449;

/** Sources outside of the release, by their names in docs/cluster-access.md; values.yaml of the test fills them in. */
const CLIENT = '`networkPolicies.clients.from`';
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  'headgate-test-monitoring': [CLIENT, '`networkPolicies.prometheus.from`'],
  'headgate-test-stranger': [CLIENT],
};
const MACHINE = [CLIENT, '`networkPolicies.grpcClients.from`'];
const API_SERVER = '`networkPolicies.apiServer.cidrs`';
const DNS = 'k8s-app=kube-dns of kube-system';

/** Connects from everything to everything, and compares with the documented table: pods, namespaces, addresses. */
export const network: Scenario = {
  name: 'network',
  title: 'Forbidden connections are blocked and allowed ones pass, by pod, namespace and address',
  withinMs: 240_000,
  async run(context) {
    await compareWithTable(context, PORTS);
    await followsChanges(context);
  },
};

/** Connects to the ports of each component from all of them, from other namespaces and from the machine. */
export async function compareWithTable(context: Context, ports: Ports): Promise<void> {
  if (!hasAddress(HOST_IP)) throw new Skipped('needs the test cluster of npm run cluster:up');
  const { kube, figure, progress } = context;
  const inside = await targetsInside(context, ports);
  const outside = await targetsOutside(context);
  const problems: string[] = [];
  const counts = { passed: 0, blocked: 0 };
  const check = async (from: string, names: readonly string[], targets: readonly Target[], via: Via) => {
    progress(`from ${from}`);
    const open = await via(targets);
    targets.forEach((target, index) => {
      const isAllowed = isDocumented(names, target);
      if (open[index] === isAllowed) counts[isAllowed ? 'passed' : 'blocked'] += 1;
      else problems.push(`${from} → ${target.to}:${target.port} ${isAllowed ? 'is blocked' : 'passes'}`);
    });
  };
  for (const component of Object.keys(ports)) {
    const [pod] = await kube.readyPods(component);
    if (pod === undefined) throw new Error(`no pod of ${component} is ready`);
    // A pod always reaches itself.
    const others = inside.filter(({ host }) => host !== pod.status.podIP);
    await check(component, [component, 'all'], [...others, ...outside], fromPod(context, pod));
  }
  for (const [namespace, names] of Object.entries(OUTSIDE))
    await check(namespace, names, inside, fromPod(context, await startPod(context, namespace)));
  await check('the machine', MACHINE, inside, probe);
  figure('connections that pass', counts.passed);
  figure('connections blocked', counts.blocked);
  assert.deepEqual(problems, []);
}

interface Target {
  /** As in docs/cluster-access.md. */
  readonly to: string;
  readonly host: string;
  readonly port: number;
}

/** Whether the table has an arrow from one of these names. */
function isDocumented(names: readonly string[], { to, port }: Target): boolean {
  const has = (cell: string, name: string) => cell.split(', ').includes(name);
  return rowsOf('Network').some(
    ([, from = '', target = '', ports = '']) =>
      names.some((name) => has(from, name)) && has(target, to) && has(ports, String(port)),
  );
}

/** Whether a connection to each target opens. */
type Via = (targets: readonly Target[]) => Promise<boolean[]>;

/** All ports of all ready pods, each of which the pod itself reaches: what is blocked later does listen. */
async function targetsInside(context: Context, all: Ports): Promise<Target[]> {
  const found: Target[] = [];
  for (const [component, ports] of Object.entries(all))
    for (const pod of await context.kube.readyPods(component)) {
      const host = pod.status.podIP ?? '';
      const targets = ports.map((port) => ({ to: component, host, port }));
      const open = await fromPod(context, pod)(targets);
      const silent = ports.filter((port, index) => !open[index] && port !== OPTIONAL_PORT);
      assert.deepEqual(silent, [], `${component}: ports on which nothing listens`);
      found.push(...targets.filter((_, index) => open[index]));
    }
  return found;
}

/** DNS, the API server and three that nobody may reach: a kubelet, the registry, the machine outside of the cluster. */
async function targetsOutside({ kube, cleanUp }: Context): Promise<Target[]> {
  const clusterIp = async (name: string, namespace: string) =>
    (await kube.get<{ spec: { clusterIP: string } }>('service', name, '-n', namespace)).spec.clusterIP;
  const { items } = await kube.get<{
    items: { status: { addresses: { type: string; address: string }[] } }[];
  }>('nodes');
  const node = items[0]?.status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '';
  const server = createServer((socket) => socket.destroy()).listen(0, HOST_IP);
  cleanUp(async () => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return [
    { to: DNS, host: await clusterIp('kube-dns', 'kube-system'), port: 53 },
    { to: API_SERVER, host: await clusterIp('kubernetes', 'default'), port: 443 },
    { to: 'kubelet', host: node, port: 10250 },
    { to: 'registry', host: node, port: 5000 },
    { to: 'outside', host: HOST_IP, port },
  ];
}

/** A pod with a network in a namespace of its own, from the image of the gateway. */
async function startPod({ kube, cleanUp }: Context, namespace: string): Promise<Pod> {
  const [gateway] = await kube.readyPods('gateway');
  const image = gateway?.spec.containers?.find(({ name }) => name === 'gateway')?.image;
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  cleanUp((late) => late.kubectl(['delete', 'namespace', namespace, '--wait=false']));
  const containers = [{ name: 'idle', image, command: ['node', '-e', 'setInterval(() => {}, 1e9)'] }];
  const spec = { containers, terminationGracePeriodSeconds: 0, automountServiceAccountToken: false };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'idle' }, spec };
  await kube.kubectl(['apply', '-n', namespace, '-f', '-'], { input: JSON.stringify(pod) });
  const ready = ['wait', '--for=condition=Ready', 'pod/idle', '-n', namespace, '--timeout=60s'];
  await kube.kubectl(ready, { withinMs: 65_000 });
  return kube.get<Pod>('pod', 'idle', '-n', namespace);
}

/** A new policy opens an arrow, its removal closes it: seconds printed. */
async function followsChanges(context: Context): Promise<void> {
  const { kube, release, figure } = context;
  const [redis] = await kube.readyPods('redis');
  const [gateway] = await kube.readyPods('gateway');
  if (redis === undefined || gateway === undefined) return;
  const target = { to: 'gateway', host: gateway.status.podIP ?? '', port: 8442 };
  const isOpen = async () => (await fromPod(context, redis)([target]))[0] === true;
  const ports = [{ protocol: 'TCP', port: 8442 }];
  const pods = (component: string) => ({
    matchLabels: { 'app.kubernetes.io/instance': release, 'app.kubernetes.io/component': component },
  });
  const policy = (name: string, spec: object) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, labels: { 'headgate.test/extra': 'true' } },
    spec,
  });
  context.cleanUp((late) => removeExtra(late));
  const startMs = performance.now();
  await kube.apply(
    policy('extra-egress', {
      ...{ podSelector: pods('redis'), policyTypes: ['Egress'] },
      egress: [{ to: [{ podSelector: pods('gateway') }], ports }],
    }),
    policy('extra-ingress', {
      ...{ podSelector: pods('gateway'), policyTypes: ['Ingress'] },
      ingress: [{ from: [{ podSelector: pods('redis') }], ports }],
    }),
  );
  await eventually(isOpen, { what: 'a new policy opens an arrow', withinMs: 30_000 });
  figure('arrow open after', secondsSince(startMs));
  const removedMs = performance.now();
  await removeExtra(kube);
  await eventually(async () => !(await isOpen()), { what: 'the arrow is closed again', withinMs: 30_000 });
  figure('closed after', secondsSince(removedMs));
}

const removeExtra = (kube: Kube) =>
  kube.kubectl(['delete', 'networkpolicy', '-l', 'headgate.test/extra=true']);

/** Opens a connection to each host and port of its argument, and prints which ones opened. */
const PROBE = `const { connect } = require('node:net');
const open = ({ host, port }) => new Promise((done) => {
  const socket = connect({ host, port, timeout: 1500 });
  const end = (is) => () => { socket.destroy(); done(is); };
  socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
});
Promise.all(JSON.parse(process.argv[1]).map(open)).then((all) => console.log(JSON.stringify(all)));`;

const command = (targets: readonly Target[]) => [process.execPath, '-e', PROBE, JSON.stringify(targets)];

const fromPod =
  ({ host }: Context, pod: Pod): Via =>
  async (targets) =>
    JSON.parse(await host.inNetworkOf(pod, command(targets)));

/** From the machine itself. */
const probe: Via = async (targets) => {
  const [program = '', ...args] = command(targets);
  return JSON.parse(await sh(program, ...args));
};

function hasAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}
