import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const WILDCARD = ['0.0.0.0/32', '::/128'];

/** Networks that the internet does not route: RFC 1918, shared space of providers, link-local, unique local IPv6. */
export const PRIVATE_NETWORKS = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['fc00::/7', 'fe80::/10'],
];

/** A block of addresses. */
export const cidr = z
  .string()
  .refine((text) => subnetOf(text) !== undefined, 'expected a CIDR block such as 10.0.0.0/8 or fd00::/8');

export const isLoopback = (address: string): boolean => isWithin(address, LOOPBACK);

/** Addresses of no host that a client could call: this machine, none, multicast, and those for documentation. */
const NO_HOST = [
  ...['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8'],
  ...['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'],
];

/** RFC 1123, in lower case as clients send it, of two labels at least; a wildcard stands for one more before them. */
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^(?=.{1,253}$)(?:\\*\\.)?(?:${LABEL}\\.)+(?=[a-z])${LABEL}$`);

/** Of RFC 2606, 6761, 6762, 7686, 8375 and 9476, and the name that many systems give themselves. */
const SPECIAL_NAME =
  /(?:^|\.)(?:localhost|localdomain|local|test|invalid|onion|alt|home\.arpa|example(?:\.(?:com|net|org))?)$/;

/** Whether clients on other machines can call a host of this name or address. */
export function isCallable(host: string): boolean {
  if (isIP(host) !== 0) return !isWithin(host, NO_HOST);
  return HOST_NAME.test(host) && !SPECIAL_NAME.test(host);
}

/** A name that only a resolver of the cluster knows: `mlflow`, `mlflow.headgate.svc`, `mlflow.headgate.svc.cluster.local`. */
const SERVICE_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL}\\.svc(?:\\.cluster\\.local)?)?$`);

/** Whether an http address leads to a machine of an internal network, by its number or as a Service. */
export function isInternalUrl(text: string, networks: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (protocol !== 'http:' || username !== '' || password !== '') return false;
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? SERVICE_NAME.test(host) : isWithin(host, networks);
}

/** What is wrong with an address at which ports without TLS listen, and what to do; undefined when nothing is. */
export function problemOfInternalHost(address: string, networks: readonly string[]): string | undefined {
  if (isIP(address) === 0) return 'expected an IP address';
  if (isWithin(address, WILDCARD)) {
    return `expected a single address, not all of them: ${NO_TLS}; use 127.0.0.1 on one machine, and the pod's own address (status.podIP of the downward API) in Kubernetes`;
  }
  if (isLoopback(address) || isWithin(address, networks)) return undefined;
  return `expected a loopback address or one inside listen.internal_networks: ${NO_TLS}; choose an address of a private network, or add the network that it belongs to`;
}

const NO_TLS = 'gateway, inference and control listen there without TLS';

function isWithin(address: string, blocks: readonly string[]): boolean {
  const list = new BlockList();
  for (const block of blocks) {
    const subnet = subnetOf(block);
    if (subnet) list.addSubnet(...subnet);
  }
  return list.check(address, familyOf(address));
}

function subnetOf(block: string): [string, number, 'ipv4' | 'ipv6'] | undefined {
  const [, ip = '', prefix] = /^([^/]+)\/(\d{1,3})$/.exec(block) ?? [];
  const bits = isIP(ip) === 6 ? 128 : 32;
  return isIP(ip) === 0 || Number(prefix) > bits ? undefined : [ip, Number(prefix), familyOf(ip)];
}

const familyOf = (ip: string) => (isIP(ip) === 6 ? 'ipv6' : 'ipv4');
