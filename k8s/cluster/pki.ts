import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { API_SERVER, CONTROL_PLANE_IP, KUBERNETES_IP, NODES, paths } from './layout.ts';
import { sh } from './shell.ts';

const API_SERVER_NAMES = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'localhost',
  '127.0.0.1',
  CONTROL_PLANE_IP,
  KUBERNETES_IP,
];

/** Name of the context in kubeconfigs. */
const CLUSTER = 'headgate-test';

/** Users with a kubeconfig, by the name and group that RBAC knows. */
const USERS = [
  { file: 'admin', name: 'admin', group: 'system:masters' },
  { file: 'controller-manager', name: 'system:kube-controller-manager' },
  { file: 'scheduler', name: 'system:kube-scheduler' },
  { file: 'proxy', name: 'system:kube-proxy' },
  { file: 'router', name: 'headgate-test:kube-router' },
] as const;

/** Kubernetes takes the user's name from the common name, and the group from the organisation. */
interface Subject {
  readonly name: string;
  readonly group?: string;
  /** DNS names and IP addresses of a server. */
  readonly hosts?: readonly string[];
}

/** Writes the keys, certificates and kubeconfigs of a new cluster. */
export async function writePki(): Promise<void> {
  mkdirSync(paths.pki, { recursive: true, mode: 0o700 });
  await openssl('ca', ['-subj', '/CN=headgate-test-cluster', '-addext', 'keyUsage=critical,keyCertSign']);
  await writeIdentity('apiserver', { name: 'kube-apiserver', hosts: API_SERVER_NAMES });
  await writeIdentity('kubelet-client', { name: 'kube-apiserver-kubelet-client', group: 'system:masters' });
  await writeIdentity('front-proxy', { name: 'front-proxy-client' });
  for (const { file, ...subject } of USERS) await writeKubeconfig(file, subject);
  for (const { name, ip } of NODES) {
    const subject = { name: `system:node:${name}`, group: 'system:nodes', hosts: [name, ip] };
    await writeKubeconfig(name, subject);
  }
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  write('service-account.key', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  write('service-account.pub', publicKey.export({ type: 'spki', format: 'pem' }));
}

/** Writes `file.crt` and `file.key`. The authority's key stays: controllers sign requests of pods with it. */
async function writeIdentity(file: string, { name, group, hosts = [] }: Subject): Promise<void> {
  const general = hosts.map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`);
  await openssl(file, [
    ...['-CA', inPki('ca.crt'), '-CAkey', inPki('ca.key')],
    ...['-subj', `${group === undefined ? '' : `/O=${group}`}/CN=${name}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=clientAuth,serverAuth'],
    ...(hosts.length === 0 ? [] : ['-addext', `subjectAltName=${general.join(',')}`]),
  ]);
}

async function openssl(file: string, args: readonly string[]): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', inPki(`${file}.key`), '-out', inPki(`${file}.crt`)];
  await sh('openssl', 'req', '-x509', '-days', '7', ...key, ...files, ...args);
}

async function writeKubeconfig(file: string, subject: Subject): Promise<void> {
  await writeIdentity(file, subject);
  const base64 = (name: string) => readFileSync(inPki(name)).toString('base64');
  const cluster = { server: API_SERVER, 'certificate-authority-data': base64('ca.crt') };
  const user = {
    'client-certificate-data': base64(`${file}.crt`),
    'client-key-data': base64(`${file}.key`),
  };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: CLUSTER, cluster }],
    users: [{ name: file, user }],
    contexts: [{ name: CLUSTER, context: { cluster: CLUSTER, user: file } }],
    'current-context': CLUSTER,
  };
  const target = file === 'admin' ? paths.adminKubeconfig : paths.kubeconfig(file);
  writeFileSync(target, JSON.stringify(kubeconfig, null, 2), { mode: 0o600 });
}

function write(file: string, content: string | Buffer): void {
  writeFileSync(inPki(file), content, { mode: 0o600 });
}

const inPki = (file: string) => join(paths.pki, file);
