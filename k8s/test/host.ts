import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { type Sample, samplesIn } from '@headgate/testkit/metrics';
import type { Pod } from './kube.ts';

const run = promisify(execFile);
const METRICS_WITHIN_MS = 5000;

/**
 * What the host sees of containers: the nodes of the test cluster are network namespaces of this machine, so each
 * process of a pod is one of the host. The images have no shell for `kubectl exec`.
 */
export interface HostView {
  /** Processes of a container, the first one first. */
  pids(pod: Pod, container: string): number[];
  /** Process that owns the network of a pod, and outlives its containers. */
  sandboxPid(pod: Pod): number;
  /** Runs a program of the host inside the network of a pod. @returns standard output */
  inNetworkOf(pod: Pod, command: readonly string[]): Promise<string>;
  /** Metrics page of a pod, read inside its network: no policy is in the way. */
  metrics(pod: Pod, port: number): Promise<Sample[]>;
}

export const hostView: HostView = {
  pids(pod, container) {
    const id = containerId(pod, container);
    return allPids()
      .filter((pid) => cgroupOf(pid).includes(id))
      .sort((a, b) => startedAt(a) - startedAt(b));
  },
  sandboxPid({ metadata }) {
    const ours = allPids().filter((pid) => cgroupOf(pid).replaceAll('_', '-').includes(`pod${metadata.uid}`));
    const pid = ours.find((one) => read(`/proc/${one}/comm`).trim() === 'pause');
    if (pid === undefined) throw new Error(`${metadata.name}: no sandbox`);
    return pid;
  },
  async inNetworkOf(pod, [command = '', ...args]) {
    const pid = this.sandboxPid(pod);
    const { stdout } = await run('nsenter', [`--net=/proc/${pid}/ns/net`, command, ...args], {
      timeout: METRICS_WITHIN_MS,
      maxBuffer: 2 ** 24,
    });
    return stdout;
  },
  async metrics(pod, port) {
    const url = `http://${pod.status.podIP}:${port}/metrics`;
    return samplesIn(await this.inNetworkOf(pod, ['curl', '-sSf', '-m', '4', url]));
  },
};

function containerId(pod: Pod, container: string): string {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status;
  const status = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container);
  const id = status?.containerID?.split('://')[1];
  if (id === undefined) throw new Error(`${pod.metadata.name}: ${container} does not run`);
  return id;
}

const allPids = () => readdirSync('/proc').map(Number).filter(Number.isInteger);
const cgroupOf = (pid: number) => read(`/proc/${pid}/cgroup`);
/** Field 22 of stat; the command before it may hold spaces. */
const startedAt = (pid: number) => Number(read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[19] ?? 0);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
