import 'reflect-metadata';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, createAuthority } from './authority.ts';
import { API_SERVER, CONTROL_PLANE_IP, KUBERNETES_IP, NODES, paths, SIMULATED_IP } from './layout.ts';

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

/** Users with a kubeconfig, by the name and group that RBAC knows. */
const USERS = [
  { file: 'admin', name: 'admin', group: 'system:masters' },
  { file: 'controller-manager', name: 'system:kube-controller-manager' },
  { file: 'scheduler', name: 'system:kube-scheduler' },
  { file: 'proxy', name: 'system:kube-proxy' },
  { file: 'router', name: 'headgate-test:kube-router' },
] as const;

/** Writes the keys, certificates and kubeconfigs of a new cluster. */
export async function writePki(): Promise<void> {
  mkdirSync(paths.pki, { recursive: true, mode: 0o700 });
  const authority = await createAuthority('headgate-test-cluster');
  write('ca.crt', authority.certificate);
  write('ca.key', authority.key);
  await writeIdentity(authority, 'apiserver', { commonName: 'kube-apiserver', names: API_SERVER_NAMES });
  const kubeletClient = { commonName: 'kube-apiserver-kubelet-client', group: 'system:masters' };
  await writeIdentity(authority, 'kubelet-client', kubeletClient);
  await writeIdentity(authority, 'kwok', { commonName: 'kwok', names: [SIMULATED_IP] });
  await writeIdentity(authority, 'front-proxy', { commonName: 'front-proxy-client' });
  for (const { file, name, ...rest } of USERS)
    await writeKubeconfig(authority, file, { commonName: name, ...rest });
  for (const { name, ip } of NODES)
    await writeKubeconfig(authority, name, {
      commonName: `system:node:${name}`,
      group: 'system:nodes',
      names: [name, ip],
    });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  write('service-account.key', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  write('service-account.pub', publicKey.export({ type: 'spki', format: 'pem' }));
}

type Subject = Parameters<Authority['issue']>[0];

async function writeIdentity(authority: Authority, file: string, subject: Subject) {
  const identity = await authority.issue(subject);
  write(`${file}.crt`, identity.certificate);
  write(`${file}.key`, identity.key);
  return identity;
}

async function writeKubeconfig(authority: Authority, file: string, subject: Subject): Promise<void> {
  const { certificate, key } = await writeIdentity(authority, file, subject);
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'headgate-test',
        cluster: { server: API_SERVER, 'certificate-authority-data': base64(authority.certificate) },
      },
    ],
    users: [
      {
        name: file,
        user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) },
      },
    ],
    contexts: [{ name: 'headgate-test', context: { cluster: 'headgate-test', user: file } }],
    'current-context': 'headgate-test',
  };
  const target = file === 'admin' ? paths.adminKubeconfig : paths.kubeconfig(file);
  writeFileSync(target, JSON.stringify(kubeconfig, null, 2), { mode: 0o600 });
}

function write(file: string, content: string | Buffer): void {
  writeFileSync(join(paths.pki, file), content, { mode: 0o600 });
}
