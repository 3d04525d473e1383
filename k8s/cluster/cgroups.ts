import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MOUNT = '/sys/fs/cgroup';
/** Parent of the groups of all pods. */
const OURS = 'headgate-k8s';
const VERSION_2 = existsSync(join(MOUNT, 'cgroup.controllers'));
/**
 * All pods of all nodes weigh as so many processes of the machine. As one, which is the default, they would time out
 * beside a compiler.
 */
const WEIGHT = 16;
const END_WITHIN_MS = 10_000;
const POLL_MS = 20;

/** Roots of all hierarchies: one with version 2, one for each controller with version 1. */
function hierarchies(): readonly string[] {
  if (VERSION_2) return [MOUNT];
  return readdirSync(MOUNT)
    .map((name) => join(MOUNT, name))
    .filter((dir) => existsSync(join(dir, 'cgroup.procs')) && !dir.endsWith('/unified'));
}

/** Name of the group below which kubelet creates the groups of a node's pods. */
export function podsGroup(node: string): string {
  return `/${OURS}/${node}`;
}

/** Creates the group of a node's pods in every hierarchy, with all CPUs and memory of the machine. */
export function createPodsGroup(node: string): void {
  for (const root of hierarchies()) {
    const parent = join(root, OURS);
    const group = join(root, podsGroup(node));
    mkdirSync(group, { recursive: true });
    if (VERSION_2) for (const dir of [root, parent, group]) enableControllers(dir);
    else if (root.endsWith('/cpuset')) for (const dir of [parent, group]) copyCpuset(root, dir);
    weigh(parent);
  }
}

/** Of version 1, one of the hierarchies has the file. */
function weigh(group: string): void {
  const file = join(group, VERSION_2 ? 'cpu.weight' : 'cpu.shares');
  if (existsSync(file)) writeFileSync(file, String(WEIGHT * (VERSION_2 ? 100 : 1024)));
}

function enableControllers(dir: string): void {
  const available = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').trim().split(' ');
  writeFileSync(join(dir, 'cgroup.subtree_control'), available.map((name) => `+${name}`).join(' '));
}

function copyCpuset(from: string, to: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    writeFileSync(join(to, file), readFileSync(join(from, file)));
}

/** Removes the groups of all pods, once their processes have ended. */
export async function removeGroups(): Promise<void> {
  for (const root of hierarchies()) await removeTree(join(root, OURS));
}

/** A process that has ended occupies its groups a little longer, until its parent has taken notice. */
async function removeTree(dir: string): Promise<void> {
  const deadline = performance.now() + END_WITHIN_MS;
  for (;;) {
    try {
      for (const child of foldersOf(dir)) await removeTree(child);
      return rmdirSync(dir);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || performance.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}

function foldersOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(dir, entry.name));
}
