import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  API_SERVER,
  CONTROL_PLANE,
  CONTROL_PLANE_IP,
  POD_CIDR,
  paths,
  SERVICE_CIDR,
  STATE_DIR,
} from './layout.ts';
import { killProgram, launch, untilReady } from './processes.ts';
import type { Programs } from './programs.ts';
import { inNetwork } from './shell.ts';

const ETCD_URL = 'http://127.0.0.1:2379';
const READY_WITHIN_MS = 90_000;
const pki = (file: string) => join(paths.pki, file);

/** Secrets are encrypted in etcd; the last provider only reads what an older key wrote, and there is none. */
function encryption(): object {
  const key = { name: 'key1', secret: randomBytes(32).toString('base64') };
  return {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers: [{ secretbox: { keys: [key] } }] }],
  };
}

/** Who changed what; never the content of a Secret. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'Metadata', resources: [{ group: '', resources: ['secrets', 'serviceaccounts/token'] }] },
    { level: 'None', verbs: ['get', 'list', 'watch'] },
    { level: 'None', resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    { level: 'None', resources: [{ group: '', resources: ['events'] }] },
    { level: 'None', userGroups: ['system:nodes'] },
    { level: 'Request', resources: [{ group: '', resources: ['configmaps'] }] },
    { level: 'Metadata' },
  ],
};

/** Starts etcd and waits until it answers. */
export async function startEtcd(programs: Programs): Promise<void> {
  await launch({
    name: 'etcd',
    command: programs.etcd,
    network: CONTROL_PLANE,
    args: [
      `--data-dir=${join(STATE_DIR, 'etcd')}`,
      `--listen-client-urls=${ETCD_URL}`,
      `--advertise-client-urls=${ETCD_URL}`,
      '--listen-peer-urls=http://127.0.0.1:2380',
      // The data of a test cluster does not survive a crash of the machine.
      '--unsafe-no-fsync',
    ],
  });
  await untilReady('etcd', READY_WITHIN_MS, async () =>
    (await inNetwork(CONTROL_PLANE, 'curl', '-sf', '-m', '1', `${ETCD_URL}/health`)).includes('true'),
  );
}

/** Writes what the API server reads once per cluster. */
export function writeApiServerFiles(): void {
  mkdirSync(paths.logs, { recursive: true });
  writeFileSync(pki('encryption.json'), JSON.stringify(encryption()), { mode: 0o600 });
  writeFileSync(pki('audit-policy.json'), JSON.stringify(AUDIT_POLICY));
}

/** Starts the API server and waits until it is ready. */
export async function startApiServer(programs: Programs): Promise<void> {
  await launch({
    name: 'apiserver',
    command: programs['kube-apiserver'],
    network: CONTROL_PLANE,
    args: [
      `--etcd-servers=${ETCD_URL}`,
      `--advertise-address=${CONTROL_PLANE_IP}`,
      `--service-cluster-ip-range=${SERVICE_CIDR}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      // Debian's etcd 3.4 reports no progress of a watch, so lists by watch would take half a minute.
      '--feature-gates=WatchList=false',
      '--enable-aggregator-routing=true',
      // A pod leaves a lost node after 3 s instead of 5 min.
      '--default-not-ready-toleration-seconds=3',
      '--default-unreachable-toleration-seconds=3',
      `--encryption-provider-config=${pki('encryption.json')}`,
      `--audit-policy-file=${pki('audit-policy.json')}`,
      `--audit-log-path=${join(paths.logs, 'audit.log')}`,
      ...apiServerKeys(),
    ],
  });
  await untilReady('apiserver', READY_WITHIN_MS, isApiServerReady);
}

async function isApiServerReady(): Promise<boolean> {
  const identity = ['--cacert', pki('ca.crt'), '--cert', pki('admin.crt'), '--key', pki('admin.key')];
  return (
    (await inNetwork(CONTROL_PLANE, 'curl', '-sf', '-m', '2', ...identity, `${API_SERVER}/readyz`)) === 'ok'
  );
}

function apiServerKeys(): readonly string[] {
  return [
    `--client-ca-file=${pki('ca.crt')}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('kubelet-client.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki('service-account.pub')}`,
    `--service-account-signing-key-file=${pki('service-account.key')}`,
    `--requestheader-client-ca-file=${pki('ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy.key')}`,
  ];
}

/**
 * Crash of the control plane. The controllers die with the API server, as on one machine: controllers that had no news of
 * the nodes for 8 s would call all of them lost as soon as the API server is back.
 */
export async function stopControlPlane(): Promise<void> {
  for (const name of ['apiserver', 'controller-manager', 'scheduler']) await killProgram(name);
}

/** Starts the controllers and the scheduler. */
export async function startControllers(programs: Programs): Promise<void> {
  await launch({
    name: 'controller-manager',
    command: programs['kube-controller-manager'],
    network: CONTROL_PLANE,
    args: [
      ...clientArgs('controller-manager'),
      '--use-service-account-credentials',
      `--service-account-private-key-file=${pki('service-account.key')}`,
      `--root-ca-file=${pki('ca.crt')}`,
      `--cluster-signing-cert-file=${pki('ca.crt')}`,
      `--cluster-signing-key-file=${pki('ca.key')}`,
      `--cluster-cidr=${POD_CIDR}`,
      // The defaults suit clouds: 15 s, 5 min, 40 s. Tests wait for each of them.
      '--horizontal-pod-autoscaler-sync-period=5s',
      '--horizontal-pod-autoscaler-downscale-stabilization=15s',
      '--horizontal-pod-autoscaler-initial-readiness-delay=5s',
      '--horizontal-pod-autoscaler-cpu-initialization-period=10s',
      '--node-monitor-period=1s',
      '--node-monitor-grace-period=8s',
    ],
  });
  await launch({
    name: 'scheduler',
    command: programs['kube-scheduler'],
    network: CONTROL_PLANE,
    args: clientArgs('scheduler'),
  });
}

function clientArgs(user: string): string[] {
  const file = paths.kubeconfig(user);
  return [
    `--kubeconfig=${file}`,
    `--authentication-kubeconfig=${file}`,
    `--authorization-kubeconfig=${file}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ];
}
