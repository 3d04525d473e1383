import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MOUNT = '/sys/fs/cgroup';
/** Parent of every control group of the cluster: whatever runs below it belongs to the cluster. */
const OURS = 'headgate-k8s';
const VERSION_2 = existsSync(join(MOUNT, 'cgroup.controllers'));
const END_WITHIN_MS = 10_000;
const POLL_MS = 20;

/** Roots of all hierarchies: one with version 2, one for each controller with version 1. */
function hierarchies(): readonly string[] {
  if (VERSION_2) return [MOUNT];
  return readdirSync(MOUNT)
    .map((name) => join(MOUNT, name))
    .filter((dir) => existsSync(join(dir, 'cgroup.procs')) && !dir.endsWith('/unified'));
}

/** The hierarchy in which processes are looked up: every process is in each. */
const lookUp = VERSION_2 ? MOUNT : join(MOUNT, 'pids');

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
  }
}

function enableControllers(dir: string): void {
  const available = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').trim().split(' ');
  writeFileSync(join(dir, 'cgroup.subtree_control'), available.map((name) => `+${name}`).join(' '));
}

function copyCpuset(from: string, to: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    writeFileSync(join(to, file), readFileSync(join(from, file)));
}

/** Creates the group of one process of the cluster. @returns the file that takes the process's number */
export function processGroup(name: string): string {
  const dir = join(lookUp, OURS, 'run', name);
  mkdirSync(dir, { recursive: true });
  return join(dir, 'cgroup.procs');
}

/** Processes of the program `name` and all its descendants. */
export function processesOf(name: string): readonly number[] {
  return membersOf(join(lookUp, OURS, 'run', name));
}

/** Ends a program, its descendants included, and waits until they are gone. */
export async function endProcess(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  await endAll(join(lookUp, OURS, 'run', name), signal);
}

/** Kills every process of a node's pods. */
export async function killPods(node: string): Promise<void> {
  await endAll(join(lookUp, podsGroup(node)), 'SIGKILL');
}

/** Kills every process of the cluster and removes its groups, of this run or of one that crashed. */
export async function killEverything(): Promise<void> {
  await endAll(join(lookUp, OURS), 'SIGKILL');
  for (const root of hierarchies()) removeTree(join(root, OURS));
}

/** Whether any process of a cluster runs on this machine. */
export function anythingRuns(): boolean {
  return membersOf(join(lookUp, OURS)).length > 0;
}

async function endAll(dir: string, signal: NodeJS.Signals): Promise<void> {
  const deadline = performance.now() + END_WITHIN_MS;
  for (;;) {
    const late = performance.now() > deadline;
    const members = membersOf(dir);
    if (members.length === 0) return;
    if (late && signal === 'SIGKILL') throw new Error(`processes ${members.join(', ')} do not end`);
    for (const pid of members) send(pid, late ? 'SIGKILL' : signal);
    await sleep(POLL_MS);
    if (late) signal = 'SIGKILL';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function membersOf(dir: string): number[] {
  if (!existsSync(dir)) return [];
  const own = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  return [...own, ...foldersOf(dir).flatMap(membersOf)];
}

function removeTree(dir: string): void {
  if (!existsSync(dir)) return;
  for (const child of foldersOf(dir)) removeTree(child);
  rmdirSync(dir);
}

function foldersOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(dir, entry.name));
}
