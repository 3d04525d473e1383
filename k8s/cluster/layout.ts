import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/bootstrap.mjs';

/** One node of the cluster: a network namespace with its own containerd, kubelet and kube-proxy. */
export interface ClusterNode {
  /** Node name, and name of its network namespace. */
  readonly name: string;
  readonly ip: string;
  /** Addresses of its pods. */
  readonly podCidr: string;
  readonly zone: string;
}

/** kn0 also runs the control plane. */
export const NODES: readonly ClusterNode[] = ['a', 'b', 'c'].map((zone, index) => ({
  name: `kn${index}`,
  ip: `10.90.0.1${index}`,
  podCidr: `10.244.${index}.0/24`,
  zone,
}));

export const CONTROL_PLANE = 'kn0';
export const CONTROL_PLANE_IP = '10.90.0.10';
export const API_SERVER = `https://${CONTROL_PLANE_IP}:6443`;
export const REGISTRY = `${CONTROL_PLANE_IP}:5000`;

/** Address of the machine itself in the nodes' network. */
export const HOST_IP = '10.90.0.1';
export const NODES_CIDR = '10.90.0.0/24';
export const POD_CIDR = '10.244.0.0/16';
export const SERVICE_CIDR = '10.96.0.0/16';
/** First address of SERVICE_CIDR: the Service `kubernetes`. */
export const KUBERNETES_IP = '10.96.0.1';
export const DNS_IP = '10.96.0.10';

/** Namespace that holds the switch between the nodes, so that no node's firewall sees the traffic of others. */
export const SWITCH = 'knsw';
/** The machine's own interface in the nodes' network. */
export const HOST_LINK = 'headgate-k8s';

/** What is known of the cluster of this machine: there is one, as the names of nodes are. Gone after a reboot. */
export const RECORD_FILE = '/run/headgate-k8s.json';

/** Where a cluster of this checkout writes. */
export const OWN_STATE_DIR = join(ROOT, 'state/cluster');

/** Everything that the cluster writes: it may be one that another checkout started. */
export const STATE_DIR: string = existsSync(RECORD_FILE)
  ? JSON.parse(readFileSync(RECORD_FILE, 'utf8')).stateDir
  : OWN_STATE_DIR;

export const paths = {
  pki: join(STATE_DIR, 'pki'),
  logs: join(STATE_DIR, 'logs'),
  /** Programs for people and scenarios: kubectl, helm, kubeseal. */
  programs: join(STATE_DIR, 'bin'),
  adminKubeconfig: join(STATE_DIR, 'admin.kubeconfig'),
  nodeDir: (node: string) => join(STATE_DIR, node),
  kubeconfig: (user: string) => join(STATE_DIR, 'pki', `${user}.kubeconfig`),
  containerd: (node: string) => join(STATE_DIR, node, 'containerd.sock'),
};

export function nodeOf(name: string): ClusterNode {
  const node = NODES.find((candidate) => candidate.name === name);
  if (node === undefined)
    throw new Error(`${name}: expected a node: ${NODES.map((each) => each.name).join(', ')}`);
  return node;
}
