import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPodsGroup, podsGroup } from './cgroups.ts';
import { killInhabitants } from './inhabitants.ts';
import { type ClusterNode, paths, REGISTRY } from './layout.ts';
import { setLink } from './network.ts';
import {
  containerdConfig,
  kubeletConfig,
  kubeProxyConfig,
  kubeRouterArgs,
  podNetworkConfig,
  registryHosts,
} from './node-config.ts';
import { launch, pidOf, untilReady } from './processes.ts';
import type { Programs } from './programs.ts';
import { sh } from './shell.ts';
import { createVolumeFolders } from './storage.ts';

const READY_WITHIN_MS = 60_000;

/** Starts a node: mount namespace, containerd, kubelet and kube-proxy. Returns once containerd answers. */
export async function startNode(node: ClusterNode, programs: Programs): Promise<void> {
  const dir = paths.nodeDir(node.name);
  for (const name of ['cni', 'kubelet', 'certs.d', 'pods']) mkdirSync(join(dir, name), { recursive: true });
  writeConfigs(node, dir);
  createVolumeFolders(node);
  createPodsGroup(node.name);
  const mountsOf = await holdMounts(node.name, dir);
  const network = node.name;
  await launch({
    name: `containerd-${node.name}`,
    command: programs.containerd,
    args: ['--config', join(dir, 'containerd.toml')],
    ...{ network, mountsOf, isAncestorOfPods: true },
  });
  await untilReady(`containerd-${node.name}`, READY_WITHIN_MS, async () => {
    await containers(node.name, programs, 'version');
    return true;
  });
  const args = [`--config=${join(dir, 'proxy.json')}`];
  await launch({ name: `proxy-${node.name}`, command: programs['kube-proxy'], args, network, mountsOf });
}

/** Starts what takes pods. Images that pods need without a registry must be there. */
export async function startKubelet(node: ClusterNode, programs: Programs): Promise<void> {
  const dir = paths.nodeDir(node.name);
  await launch({
    name: `kubelet-${node.name}`,
    command: programs.kubelet,
    network: node.name,
    mountsOf: holderOf(node.name),
    args: [
      `--config=${join(dir, 'kubelet.json')}`,
      `--kubeconfig=${paths.kubeconfig(node.name)}`,
      `--root-dir=${join(dir, 'kubelet')}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.ip}`,
      `--node-labels=topology.kubernetes.io/zone=${node.zone},topology.kubernetes.io/region=test`,
    ],
  });
}

/** Starts what enforces NetworkPolicies. It needs the Node object, which kubelet creates. */
export async function startRouter({ name }: ClusterNode, programs: Programs): Promise<void> {
  await launch({
    name: `router-${name}`,
    command: programs['kube-router'],
    args: kubeRouterArgs(name),
    network: name,
    mountsOf: holderOf(name),
  });
}

/** Power loss: the cable first, then every process of the node. */
export async function stopNode(node: ClusterNode): Promise<void> {
  await setLink(node.name, 'down');
  await killInhabitants([node.name]);
  // What a machine keeps in memory only.
  rmSync(join(paths.nodeDir(node.name), 'run'), { recursive: true, force: true });
}

/** Runs containerd's client on a node. */
export function containers(node: string, programs: Programs, ...args: readonly string[]): Promise<string> {
  return sh(programs.ctr, '--address', paths.containerd(node), '--namespace', 'k8s.io', ...args);
}

/** Keeps a mount namespace of its own: mounts of kubelet and containerd vanish with it. */
async function holdMounts(node: string, dir: string): Promise<number> {
  const name = `holder-${node}`;
  const marker = join(dir, 'mounts-are-private');
  rmSync(marker, { force: true });
  const script = 'mount --make-rshared / && touch "$0" && exec sleep infinity';
  await launch({
    name,
    command: 'unshare',
    args: ['--mount', '--propagation', 'private', 'sh', '-c', script, marker],
    network: node,
  });
  await untilReady(name, READY_WITHIN_MS, async () => readFileSync(marker) !== undefined);
  return holderOf(node);
}

function holderOf(node: string): number {
  const pid = pidOf(`holder-${node}`);
  if (pid === undefined)
    throw new Error(`${node} is stopped; start it by: node k8s/cluster/main.ts node-start ${node}`);
  return pid;
}

function writeConfigs(node: ClusterNode, dir: string): void {
  const json = (file: string, config: object) =>
    writeFileSync(join(dir, file), JSON.stringify(config, null, 2));
  writeFileSync(join(dir, 'containerd.toml'), containerdConfig(dir));
  mkdirSync(join(dir, 'certs.d', REGISTRY), { recursive: true });
  writeFileSync(join(dir, 'certs.d', REGISTRY, 'hosts.toml'), registryHosts());
  json('cni/10-bridge.conflist', podNetworkConfig(node, dir));
  json('kubelet.json', kubeletConfig(node, { dir, cgroupRoot: podsGroup(node.name) }));
  json('proxy.json', kubeProxyConfig(node));
}
