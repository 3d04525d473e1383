/**
 * `npm run cluster:up`, `npm run cluster:down`: a Kubernetes cluster with three nodes on this machine, for tests.
 * Faults of it: `node k8s/cluster/main.ts node-stop kn2`, see USAGE.
 */
import { createGuard } from '../../scripts/setup/guard.mjs';
import { exitCodeOf, stopRequests } from '../../scripts/setup/lifecycle.mjs';
import { acquireLock } from '../../scripts/setup/lock.mjs';
import { createUi } from '../../scripts/setup/ui.mjs';
import { startApiServer, startControllers, stopControlPlane } from './control-plane.ts';
import { nodeOf, OWN_STATE_DIR, paths, REGISTRY, STATE_DIR } from './layout.ts';
import { checkRoot } from './machine.ts';
import { setLink } from './network.ts';
import { startKubelet, startNode, startRouter, stopNode } from './node.ts';
import { preparePrograms } from './programs.ts';
import { clean, isUp } from './record.ts';
import { up } from './up.ts';

const USAGE = `node k8s/cluster/main.ts COMMAND
  up               start the cluster; the first time on a machine this builds Kubernetes
  down             end it, also one that another checkout started
  node-stop NODE   power loss of kn1 or kn2
  node-start NODE
  api-stop         crash of the control plane: API server, controllers, scheduler
  api-start`;

const { stop: signal } = stopRequests();
const guard = createGuard();
const ui = createUi(process.stdout);
const startMs = performance.now();
const seconds = () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;

/** One command at a time on a machine. */
const LOCK = '/run/headgate-k8s.lock';
const programs = () => preparePrograms({ guard, signal, progress: () => {} });

const COMMANDS: Readonly<Record<string, (argument: string) => Promise<void>>> = {
  'node-stop': (name) => stopNode(lostNode(name)),
  'node-start': async (name) => {
    const node = lostNode(name);
    await setLink(name, 'up');
    const built = await programs();
    await startNode(node, built);
    await startKubelet(node, built);
    await startRouter(node, built);
  },
  'api-stop': stopControlPlane,
  'api-start': async () => {
    const built = await programs();
    await startApiServer(built);
    await startControllers(built);
  },
};

try {
  checkRoot();
  const release = await acquireLock(LOCK, {
    signal,
    onWait: (pid) => ui.say(`process ${pid} is at work on the cluster; waiting for it`),
  });
  await run(process.argv[2], process.argv[3]).finally(release);
} catch (error) {
  if (signal.aborted) process.exitCode = exitCodeOf(signal.reason);
  else {
    console.error(`cluster: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
} finally {
  await guard.close();
}
process.exit();

async function run(command: string | undefined, argument = ''): Promise<void> {
  if (command === 'up') return start();
  if (command === 'down') {
    await clean();
    return ui.say(`cluster down in ${seconds()}`);
  }
  const act = COMMANDS[command ?? ''];
  if (act === undefined) throw new Error(`expected a command\n\n${USAGE}`);
  if (!isUp()) throw new Error('no cluster runs; start it by: npm run cluster:up');
  await act(argument);
  ui.say(`${command} ${argument} in ${seconds()}`);
}

async function start(): Promise<void> {
  if (isUp()) return ui.say(`a cluster runs already: ${STATE_DIR}; end it by: npm run cluster:down`);
  if (STATE_DIR !== OWN_STATE_DIR)
    throw new Error(`${STATE_DIR} has the rest of a cluster; remove it by: npm run cluster:down`);
  await up({ ui, guard, signal });
  ui.say(`cluster up in ${seconds()}
  export KUBECONFIG=${paths.adminKubeconfig}
  registry: ${REGISTRY} (plain HTTP; push and pull by this name)
  end it by: npm run cluster:down`);
}

/** @throws Error for the node with the control plane */
function lostNode(name: string) {
  const node = nodeOf(name);
  if (node.name === 'kn0')
    throw new Error('kn0 runs the control plane and the registry: it cannot be stopped');
  return node;
}
