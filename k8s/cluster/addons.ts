import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ADDON_NAMESPACE, type Addon, bind, imageOf, objectsOf } from './addon.ts';
import { writeImage } from './image.ts';
import { apply, kubectl } from './kubectl.ts';
import { CONTROL_PLANE, DNS_IP, STATE_DIR } from './layout.ts';
import { containers } from './node.ts';
import { moduleDir, type Programs } from './programs.ts';
import { storageObjects } from './storage.ts';

const READ = ['get', 'list', 'watch'];

const COREFILE = `.:53 {
  errors
  ready :8181
  kubernetes cluster.local in-addr.arpa {
    pods insecure
    ttl 5
  }
  cache 5
  loadbalance
}
`;

/** Policies select it by `k8s-app: kube-dns`, as in other clusters. It knows only the names of the cluster. */
const dns: Addon = {
  name: 'kube-dns',
  labels: { 'k8s-app': 'kube-dns' },
  args: ['-conf', '/etc/addon/Corefile'],
  rules: [
    { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: READ },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
  ],
  ready: { port: 8181, path: '/ready' },
  service: {
    clusterIP: DNS_IP,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  },
  capabilities: ['NET_BIND_SERVICE'],
  config: { Corefile: COREFILE },
};

/** CPU and memory of pods, for the HPA. */
const metrics: Addon = {
  name: 'metrics-server',
  labels: { 'k8s-app': 'metrics-server' },
  args: [
    '--cert-dir=/tmp',
    '--secure-port=10250',
    '--kubelet-preferred-address-types=InternalIP',
    '--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    // Its shortest; the default is 60 s. A kubelet has to answer within it.
    '--metric-resolution=10s',
    '--kubelet-request-timeout=5s',
  ],
  rules: [
    { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
    { apiGroups: [''], resources: ['pods', 'nodes', 'configmaps'], verbs: READ },
  ],
  // /readyz waits for the first metrics.
  ready: { port: 10250, path: '/livez', scheme: 'HTTPS' },
  service: { ports: [{ name: 'https', port: 443, targetPort: 10250 }] },
};

const SEALED_SECRETS = 'github.com/bitnami-labs/sealed-secrets@v0.40.0';
const CRDS = 'helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml';

/** Turns SealedSecrets into Secrets. */
const sealedSecrets: Addon = {
  name: 'sealed-secrets-controller',
  labels: { name: 'sealed-secrets-controller' },
  args: [],
  rules: [
    { apiGroups: ['bitnami.com'], resources: ['sealedsecrets'], verbs: READ },
    { apiGroups: ['bitnami.com'], resources: ['sealedsecrets/status'], verbs: ['update'] },
    { apiGroups: [''], resources: ['secrets'], verbs: [...READ, 'create', 'update', 'delete'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
  ],
  ready: { port: 8080, path: '/healthz' },
  service: { ports: [{ name: 'http', port: 8080 }] },
};

const METRICS_API = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: 'v1beta1.metrics.k8s.io' },
  spec: {
    group: 'metrics.k8s.io',
    version: 'v1beta1',
    groupPriorityMinimum: 100,
    versionPriority: 100,
    insecureSkipTLSVerify: true,
    service: { name: metrics.name, namespace: ADDON_NAMESPACE },
  },
};

/** kube-router runs on each node, outside of pods. */
const ROUTER_ROLE = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'headgate-test:kube-router' },
    rules: [
      { apiGroups: [''], resources: ['namespaces', 'pods', 'services', 'nodes', 'endpoints'], verbs: READ },
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: READ },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'headgate-test:kube-router' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'headgate-test:kube-router',
    },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'headgate-test:kube-router' }],
  },
];

/** Writes the images of all add-ons and imports them into the control plane's node. */
export async function importAddonImages(programs: Programs): Promise<void> {
  const images = [
    [dns, programs.coredns],
    [metrics, programs['metrics-server']],
    [sealedSecrets, programs.controller],
  ] as const;
  for (const [addon, program] of images) {
    const archive = join(STATE_DIR, `${addon.name}.tar`);
    await writeImage(imageOf(addon), program, archive);
    await containers(CONTROL_PLANE, programs, 'images', 'import', archive);
    rmSync(archive);
  }
}

/** Rights and volumes: what nodes and pods need before they start. */
export async function applyBasics(programs: Programs): Promise<void> {
  await apply(programs, [...ROUTER_ROLE, ...storageObjects()]);
}

/** Starts all add-ons and waits until each is ready. */
export async function startAddons(programs: Programs): Promise<void> {
  await kubectl(programs, ['apply', '--server-side', '-f', join(await moduleDir(SEALED_SECRETS), CRDS)]);
  const addons = [dns, metrics, sealedSecrets];
  await apply(programs, [...addons.flatMap(objectsOf), bind(metrics, 'system:auth-delegator'), METRICS_API]);
  for (const { name } of addons) await untilRolledOut(programs, name);
}

async function untilRolledOut(programs: Programs, name: string): Promise<void> {
  const on = ['-n', ADDON_NAMESPACE];
  try {
    await kubectl(programs, [...on, 'rollout', 'status', `deployment/${name}`, '--timeout=60s']);
  } catch (error) {
    const log = await kubectl(programs, [...on, 'logs', `deployment/${name}`, '--tail=8']).catch(String);
    throw new Error(`${name} does not start:\n${log}`, { cause: error });
  }
}
