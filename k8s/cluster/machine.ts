import { existsSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/bootstrap.mjs';
import { runCommand } from '../../scripts/setup/command.mjs';
import { which } from '../../scripts/setup/python.ts';
import type { BuildOptions } from './programs.ts';
import { takenNetworks } from './routes.ts';
import { sh } from './shell.ts';

/** Programs of the machine, and the Debian package of each. */
const PACKAGES = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  etcd: 'etcd-server',
  ipset: 'ipset',
  iptables: 'iptables',
  nft: 'nftables',
  ip: 'iproute2',
  sysctl: 'procps',
  curl: 'curl',
  openssl: 'openssl',
  // For `npm run images` and the scenarios, which fill the registry of the cluster.
  buildah: 'buildah',
  mmdebstrap: 'mmdebstrap',
  skopeo: 'skopeo',
} as const;
/** A user's PATH lacks the folders of system programs. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Path of a program of the machine. @throws Error that names its package */
export function installed(name: keyof typeof PACKAGES): string {
  const path = which(name, PATH);
  if (path === undefined) throw new Error(`${name} is missing: install ${PACKAGES[name]}`);
  return path;
}

const GIB = 2 ** 30;
/** The empty cluster takes 1.5 GiB; a release of Headgate with three replicas another 3. */
const MEMORY = 6 * GIB;
const DISK = 15 * GIB;
const INSTALL_WITHIN_MS = 10 * 60_000;

/** What the kernel must be able to do, and a command that fails without it. */
const FEATURES = {
  'network namespaces with veth pairs and bridges':
    'ip link add name va type veth peer name vb && ip link add name bridge0 type bridge && ip link set va master bridge0',
  'nftables (nf_tables, nft_masq, nft_ct)':
    "nft 'add table ip t; add chain ip t c { type nat hook postrouting priority 0; }; add rule ip t c ct state new masquerade'",
  'IP sets (ip_set, xt_set)':
    'ipset create s hash:ip && iptables -A FORWARD -m set --match-set s src -j ACCEPT',
  br_netfilter: 'test -e /proc/sys/net/bridge/bridge-nf-call-iptables',
} as const;

/** @throws Error unless this is root on Linux */
export function checkRoot(): void {
  if (process.platform !== 'linux') throw new Error('the test cluster needs Linux');
  if (process.getuid?.() !== 0)
    throw new Error('the test cluster needs root, for network namespaces and mounts: use sudo');
}

/** Whether this machine can run the cluster. @throws Error that names everything that is missing */
export async function checkMachine(): Promise<void> {
  const missing = [...missingResources(), ...(await missingFeatures()), ...(await takenNetworks())];
  if (missing.length > 0) throw new Error(`the test cluster cannot run here:\n  ${missing.join('\n  ')}`);
}

function missingResources(): string[] {
  const missing: string[] = [];
  const memory = availableMemory();
  if (memory < MEMORY) missing.push(`free memory: ${inGib(memory)}, needs ${inGib(MEMORY)}`);
  const { bavail, bsize } = statfsSync(ROOT);
  if (bavail * bsize < DISK) missing.push(`free disk space: ${inGib(bavail * bsize)}, needs ${inGib(DISK)}`);
  if (!existsSync('/sys/fs/cgroup/cgroup.controllers') && !existsSync('/sys/fs/cgroup/memory'))
    missing.push('control groups: mount /sys/fs/cgroup with the controllers cpu, memory and pids');
  return missing;
}

async function missingFeatures(): Promise<string[]> {
  await withoutOwnBridges(() =>
    sh('modprobe', '-a', 'br_netfilter', 'overlay', 'ip_set', 'xt_set').catch(() => undefined),
  );
  const missing: string[] = [];
  for (const [feature, command] of Object.entries(FEATURES))
    await sh('unshare', '--net', 'sh', '-c', command).catch((error: Error) => {
      missing.push(`${feature}: ${error.message.slice(error.message.indexOf(': ') + 2)}`);
    });
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay')) missing.push('overlayfs');
  return missing;
}

const BRIDGES = '/proc/sys/net/bridge';

/** br_netfilter sends the traffic of the machine's own bridges through its firewall once it is loaded; here it does not. */
export async function withoutOwnBridges(load: () => Promise<unknown>, dir = BRIDGES): Promise<void> {
  const wasLoaded = existsSync(dir);
  await load();
  if (wasLoaded || !existsSync(dir)) return;
  for (const name of readdirSync(dir).filter((one) => one.startsWith('bridge-nf-call-')))
    writeFileSync(join(dir, name), '0');
}

const inGib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;

/** Memory that programs can get without swapping; freemem() leaves out the page cache. */
function availableMemory(): number {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

/** Installs the Debian packages that are missing. @throws Error that names them where apt-get cannot */
export async function installPackages({ guard, signal, progress }: BuildOptions): Promise<void> {
  const missing = Object.entries(PACKAGES).flatMap(([program, name]) =>
    which(program, PATH) === undefined ? [name] : [],
  );
  if (missing.length === 0) return;
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`install ${missing.join(', ')}: there is no apt-get`);
  // RUNLEVEL=1: the packages' own services do not start.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const options = { cwd: '/', guard, signal, onLine: progress, timeoutMs: INSTALL_WITHIN_MS, env };
  const apt = (...args: readonly string[]) =>
    runCommand('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], options);
  await apt('update');
  await apt('install', '-y', '--no-install-recommends', ...new Set(missing));
}
