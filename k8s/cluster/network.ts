import { existsSync } from 'node:fs';
import { CONTROL_PLANE_IP, HOST_IP, HOST_LINK, NODES, SERVICE_CIDR, SWITCH } from './layout.ts';
import { inNetwork, sh } from './shell.ts';

const SETTINGS = ['net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1'];

/**
 * Creates a network namespace for each node and one for the switch that joins them. The machine itself is in the same
 * network, with routes to pods and Services.
 */
export async function createNetwork(): Promise<void> {
  await addNamespace(SWITCH);
  await inNetwork(SWITCH, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0');
  await inNetwork(SWITCH, 'ip', 'link', 'add', 'sw', 'type', 'bridge');
  await inNetwork(SWITCH, 'ip', 'link', 'set', 'sw', 'up');
  await plug('host', HOST_LINK);
  await sh('ip', 'address', 'add', `${HOST_IP}/24`, 'dev', HOST_LINK);
  await sh('ip', 'link', 'set', HOST_LINK, 'up');
  for (const { name, ip } of NODES) {
    await addNamespace(name);
    await inNetwork(name, 'sysctl', '-qw', ...SETTINGS);
    await plug(name, 'eth0', 'netns', name);
    await inNetwork(name, 'ip', 'address', 'add', `${ip}/24`, 'dev', 'eth0');
    await inNetwork(name, 'ip', 'link', 'set', 'eth0', 'up');
    await addRoutes(name);
  }
  for (const { podCidr, ip } of NODES) await sh('ip', 'route', 'add', podCidr, 'via', ip);
  await sh('ip', 'route', 'add', SERVICE_CIDR, 'via', CONTROL_PLANE_IP);
}

async function addNamespace(name: string): Promise<void> {
  await sh('ip', 'netns', 'add', name);
  await inNetwork(name, 'ip', 'link', 'set', 'lo', 'up');
}

/** Adds a cable whose end in the switch is called `name`. @param peer name of the other end, and where it is */
async function plug(name: string, ...peer: readonly string[]): Promise<void> {
  await sh('ip', 'link', 'add', name, 'netns', SWITCH, 'type', 'veth', 'peer', 'name', ...peer);
  await inNetwork(SWITCH, 'ip', 'link', 'set', name, 'master', 'sw', 'up');
}

/** Routes from a node: to the pods of the other nodes, and everything else to the machine, which forwards nothing. */
async function addRoutes(name: string): Promise<void> {
  for (const other of NODES)
    if (other.name !== name) await inNetwork(name, 'ip', 'route', 'add', other.podCidr, 'via', other.ip);
  await inNetwork(name, 'ip', 'route', 'add', 'default', 'via', HOST_IP);
}

/** Plugs a node's cable in or pulls it out. */
export async function setLink(node: string, state: 'up' | 'down'): Promise<void> {
  await inNetwork(node, 'ip', 'link', 'set', 'eth0', state);
  // The kernel drops the routes of an interface that goes down.
  if (state === 'up') await addRoutes(node);
}

/** Removes what createNetwork made, also of a start that stopped halfway. The machine's routes go with its interface. */
export async function removeNetwork(): Promise<void> {
  for (const name of [...NODES.map((node) => node.name), SWITCH])
    if (existsSync(`/run/netns/${name}`)) await sh('ip', 'netns', 'delete', name);
  if (existsSync(`/sys/class/net/${HOST_LINK}`)) await sh('ip', 'link', 'delete', HOST_LINK);
}
