import { join } from 'node:path';
import { type ClusterNode, DNS_IP, POD_CIDR, paths, REGISTRY, SERVICE_CIDR } from './layout.ts';

/** Name of the image that holds a pod's namespaces; it is imported, not pulled. */
export const PAUSE_IMAGE = 'headgate.test/pause:1';

/** containerd 1.6 for one node; every path is below `dir`. */
export function containerdConfig(dir: string): string {
  return `version = 2
root = "${dir}/containerd"
state = "${dir}/run"
[grpc]
  address = "${dir}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${dir}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${dir}/cni"
`;
}

/** The registry speaks plain HTTP. */
export function registryHosts(): string {
  return `server = "http://${REGISTRY}"
[host."http://${REGISTRY}"]
  capabilities = ["pull", "resolve"]
`;
}

/** A bridge per node; pods keep their addresses on the way to other nodes. */
export function podNetworkConfig({ name, podCidr }: ClusterNode, dir: string): object {
  return {
    cniVersion: '1.0.0',
    name: `pods-${name}`,
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: join(dir, 'ipam'),
          ranges: [[{ subnet: podCidr }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** kubelet of one node. Its status is short-lived, so that a lost node is noticed within 8 s. */
export function kubeletConfig(
  { name, ip }: ClusterNode,
  { dir, cgroupRoot }: { readonly dir: string; readonly cgroupRoot: string },
): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: ip,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(paths.pki, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(paths.pki, `${name}.crt`),
    tlsPrivateKeyFile: join(paths.pki, `${name}.key`),
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    failCgroupV1: false,
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${paths.containerd(name)}`,
    clusterDNS: [DNS_IP],
    clusterDomain: 'cluster.local',
    resolvConf: '',
    healthzPort: 10248,
    nodeStatusUpdateFrequency: '3s',
    nodeLeaseDurationSeconds: 8,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageMinimumGCAge: '24h',
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    podLogsDir: join(dir, 'pods'),
    serializeImagePulls: false,
    maxPods: 60,
  };
}

export function kubeProxyConfig({ name }: ClusterNode): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: paths.kubeconfig('proxy') },
    mode: 'nftables',
    clusterCIDR: POD_CIDR,
    hostnameOverride: name,
    // The limits belong to the machine, which is shared.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
  };
}

/** kube-router enforces NetworkPolicies, and does nothing else here. */
export function kubeRouterArgs(name: string): string[] {
  return [
    `--kubeconfig=${paths.kubeconfig('router')}`,
    `--hostname-override=${name}`,
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    '--run-firewall=true',
    '--run-router=false',
    '--run-service-proxy=false',
    '--run-loadbalancer=false',
    '--health-port=0',
  ];
}
