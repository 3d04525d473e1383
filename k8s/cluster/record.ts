import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeGroups } from './cgroups.ts';
import { killInhabitants } from './inhabitants.ts';
import { RECORD_FILE as FILE, NODES, STATE_DIR } from './layout.ts';
import { removeNetwork } from './network.ts';
import { pidOf } from './processes.ts';

/** Settings of the kernel that kubelet changes, or that three nodes on one machine need. */
const SYSCTLS = [
  'vm.overcommit_memory',
  'kernel.panic',
  'kernel.panic_on_oops',
  'fs.inotify.max_user_instances',
];
const INOTIFY = 'fs.inotify.max_user_instances';
/** Each containerd, kubelet and pod takes some; the default is 128. */
const INOTIFY_INSTANCES = '8192';

/** What to undo, also for a process that did not start the cluster. */
interface Record {
  readonly stateDir: string;
  readonly isUp: boolean;
  readonly sysctls: Readonly<{ [name: string]: string }>;
}

/** The cluster of this machine, if one was started. */
function readRecord(): Record | undefined {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Record) : undefined;
}

/** Whether a cluster that has started completely runs. */
export function isUp(): boolean {
  return readRecord()?.isUp === true && pidOf('etcd') !== undefined;
}

/** Call before anything is started. */
export function recordStart(): void {
  const sysctls = Object.fromEntries(
    SYSCTLS.map((name) => [name, readFileSync(fileOf(name), 'utf8').trim()]),
  );
  writeRecord({ stateDir: STATE_DIR, isUp: false, sysctls });
  if (Number(sysctls[INOTIFY]) < Number(INOTIFY_INSTANCES)) writeFileSync(fileOf(INOTIFY), INOTIFY_INSTANCES);
}

/** Call once everything works. */
export function recordUp(): void {
  const record = readRecord();
  if (record !== undefined) writeRecord({ ...record, isUp: true });
}

/** Kept for the next start: images that were pushed, and logs. */
const KEPT = ['registry', 'logs'];

/**
 * Ends the machine's cluster: its processes, its network, its files, the kernel's settings. Works for one that started
 * halfway or whose program crashed, and does nothing without one.
 */
export async function clean(): Promise<void> {
  await killInhabitants(NODES.map(({ name }) => name));
  await removeGroups();
  await removeNetwork();
  const record = readRecord();
  for (const [name, value] of Object.entries(record?.sysctls ?? {})) writeFileSync(fileOf(name), value);
  if (existsSync(STATE_DIR))
    for (const name of readdirSync(STATE_DIR))
      if (!KEPT.includes(name)) rmSync(join(STATE_DIR, name), { recursive: true });
  rmSync(FILE, { force: true });
}

function writeRecord(record: Record): void {
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify(record, null, 2));
}

const fileOf = (sysctl: string) => join('/proc/sys', sysctl.replaceAll('.', '/'));
