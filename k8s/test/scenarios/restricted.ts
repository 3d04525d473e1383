import { deepEqual, equal, ok } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { HostView } from '../host.ts';
import type { Pod } from '../kube.ts';
import type { Scenario } from '../scenario.ts';

const COMPONENTS = ['envoy', 'gateway', 'inference', 'control', 'redis', 'postgres'];
/** Containers that ask the API server. */
const WITH_TOKEN = ['control', 'gateway', 'inference'];
const TOKEN = 'var/run/secrets/kubernetes.io/serviceaccount/token';

/** What the kernel says of each process in the pods, not what their manifests ask for. */
export const restricted: Scenario = {
  name: 'restricted',
  title: 'Every process runs unprivileged: seccomp, no new privileges, no capabilities, read-only root',
  async run({ kube, host, figure }) {
    let processes = 0;
    for (const component of COMPONENTS) {
      for (const pod of await kube.readyPods(component)) processes += checkPod(host, pod);
    }
    figure('processes', processes);
    const { metadata } = await kube.get<Namespace>('namespace', kube.namespace);
    equal(metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
    const refused = await kube.apply(privileged(kube.namespace)).then(
      () => 'created',
      (error: Error) => error.message,
    );
    ok(refused.includes('violates PodSecurity'), refused);
  },
};

interface Namespace {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
}

/** @returns number of its processes */
function checkPod(host: HostView, pod: Pod): number {
  const names = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  let processes = 0;
  for (const { name, state } of names) {
    if (!state?.running) continue;
    for (const pid of host.pids(pod, name)) {
      checkProcess(pid, `${pod.metadata.name}/${name}`);
      processes += 1;
    }
    const [first] = host.pids(pod, name);
    equal(existsSync(`/proc/${first}/root/${TOKEN}`), WITH_TOKEN.includes(name), `token in ${name}`);
  }
  return processes;
}

function checkProcess(pid: number, what: string): void {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.split('\t') ?? [];
  deepEqual(field('NoNewPrivs'), ['1'], what);
  deepEqual(field('Seccomp'), ['2'], what);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    deepEqual(field(set), ['0'.repeat(16)], what);
  deepEqual(field('Uid'), Array(4).fill('65532'), what);
  deepEqual(field('Gid'), Array(4).fill('65532'), what);
  const root = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[4] === '/');
  ok(root?.[5]?.split(',').includes('ro'), `${what}: the root is not read-only`);
}

/** What Pod Security keeps out of the namespace. */
const privileged = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'privileged', namespace },
  spec: { containers: [{ name: 'one', image: 'none', securityContext: { privileged: true } }] },
});
