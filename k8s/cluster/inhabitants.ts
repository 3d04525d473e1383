import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { podsGroup } from './cgroups.ts';

const END_WITHIN_MS = 20_000;
const POLL_MS = 50;

/**
 * Processes of these nodes: those in the network namespace of one, all their descendants, and those in the control
 * groups of its pods. The kernel knows all of them, also after a crash of the program that started them; a list of
 * process numbers would miss containers, and could name strangers.
 */
function inhabitants(nodes: readonly string[]): number[] {
  const networks = nodes.map(networkOf).filter((network) => network !== undefined);
  const groups = nodes.map((node) => `${podsGroup(node)}/`);
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const parents = new Map(all.map((pid) => [pid, parentOf(pid)]));
  const isDirect = new Map(
    all.map((pid) => {
      const control = read(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
      const network = read(() => readlinkSync(`/proc/${pid}/ns/net`));
      return [pid, networks.includes(network) || groups.some((group) => control.includes(group))];
    }),
  );
  const belongs = (pid: number): boolean =>
    isDirect.get(pid) === true || (pid > 1 && belongs(parents.get(pid) ?? 0));
  return all.filter(belongs);
}

/** Kills every process of these nodes, and waits until none is left. @throws Error with those that do not end */
export async function killInhabitants(nodes: readonly string[]): Promise<void> {
  const deadline = performance.now() + END_WITHIN_MS;
  for (let left = inhabitants(nodes); left.length > 0; left = inhabitants(nodes)) {
    if (performance.now() > deadline) throw new Error(`processes ${left.join(', ')} do not end`);
    for (const pid of left) sendKill(pid);
    await sleep(POLL_MS);
  }
}

function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** As links in /proc name it. */
function networkOf(node: string): string | undefined {
  const file = `/run/netns/${node}`;
  return existsSync(file) ? `net:[${statSync(file).ino}]` : undefined;
}

/** Field 4 of stat; the command before it may hold spaces. */
function parentOf(pid: number): number {
  return Number(fieldsOf(pid)[1] ?? 0);
}

/** When a process started, in ticks: with its number this names it for good. Undefined once it has ended. */
export function startOf(pid: number): string | undefined {
  const fields = fieldsOf(pid);
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** Fields of /proc/PID/stat after the command. */
function fieldsOf(pid: number): string[] {
  return (
    read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
      .split(') ')
      .at(-1)
      ?.split(' ') ?? []
  );
}

/** Empty for a process that is gone, and for one of the kernel. */
function read(action: () => string): string {
  try {
    return action();
  } catch {
    return '';
  }
}
