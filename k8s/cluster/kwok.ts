import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goTool } from '@headgate/testkit/tools/go-tool';
import { apply, kubectl } from './kubectl.ts';
import { CONTROL_PLANE, NODES, paths, SIMULATED_IP, STATE_DIR } from './layout.ts';
import { killProgram, launch, untilReady } from './processes.ts';
import { type BuildOptions, moduleFile, type Programs } from './programs.ts';
import { inNetwork } from './shell.ts';

const VERSION = 'v0.8.0';
const PROGRAM = { path: 'sigs.k8s.io/kwok/cmd/kwok', version: VERSION };
const STAGES = [
  'stage/node/fast/node-initialize.yaml',
  'stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
  'stage/pod/fast/pod-ready.yaml',
  'stage/pod/fast/pod-complete.yaml',
  'stage/pod/fast/pod-delete.yaml',
  'metrics/resource/metrics-resource.yaml',
  'metrics/usage/usage-from-annotation.yaml',
];
/** Where metrics-server asks. */
const PORT = 10250;
const LABEL = 'headgate.test/simulated';
const READY_WITHIN_MS = 30_000;

/**
 * Adds nodes that only exist in the API: their pods count as running and ready, with the CPU time of their annotation
 * `kwok.x-k8s.io/usage-cpu`, and run nothing. Only pods that tolerate `headgate.test/simulated` go there.
 */
export async function startSimulatedNodes(
  count: number,
  programs: Programs,
  options: BuildOptions,
): Promise<void> {
  const kwok = await goTool(PROGRAM, { ...options, env: { CGO_ENABLED: '0' } });
  const files = STAGES.map((file) => moduleFile(`sigs.k8s.io/kwok@${VERSION}`, `kustomize/${file}`));
  const config = join(STATE_DIR, 'kwok.yaml');
  writeFileSync(config, (await Promise.all(files)).join('\n---\n'));
  await inNetwork(CONTROL_PLANE, 'ip', 'address', 'replace', `${SIMULATED_IP}/24`, 'dev', 'eth0');
  await launch({
    name: 'kwok',
    command: kwok,
    network: CONTROL_PLANE,
    args: [
      `--kubeconfig=${paths.adminKubeconfig}`,
      `--config=${config}`,
      `--manage-nodes-with-label-selector=${LABEL}=true`,
      '--cidr=10.245.0.0/16',
      `--node-ip=${SIMULATED_IP}`,
      `--node-port=${PORT}`,
      `--server-address=${SIMULATED_IP}:${PORT}`,
      `--tls-cert-file=${join(paths.pki, 'kwok.crt')}`,
      `--tls-private-key-file=${join(paths.pki, 'kwok.key')}`,
      '--node-lease-duration-seconds=8',
    ],
  });
  const nodes = Array.from({ length: count }, (_, index) => simulatedNode(index));
  await apply(programs, nodes);
  const wait = ['wait', '--for=condition=Ready', 'node', '-l', LABEL, '--timeout=5s'];
  await untilReady('kwok', READY_WITHIN_MS, async () => (await kubectl(programs, wait)) !== '');
}

/** Removes all simulated nodes; their pods go with them. */
export async function stopSimulatedNodes(programs: Programs): Promise<void> {
  await kubectl(programs, ['delete', 'node', '-l', LABEL]);
  await killProgram('kwok');
}

function simulatedNode(index: number): object {
  const name = `simulated-${index}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        [LABEL]: 'true',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/zone': NODES[index % NODES.length]?.zone,
      },
      annotations: { 'metrics.k8s.io/resource-metrics-path': `/metrics/nodes/${name}/metrics/resource` },
    },
    spec: { taints: [{ key: LABEL, value: 'true', effect: 'NoSchedule' }] },
    status: {
      allocatable: { cpu: '8', memory: '32Gi', pods: '110' },
      capacity: { cpu: '8', memory: '32Gi', pods: '110' },
    },
  };
}
