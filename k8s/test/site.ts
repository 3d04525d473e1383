import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterTools } from '../../scripts/setup/cluster-tools.ts';
import { runCommand } from '../../scripts/setup/command.mjs';
import type { Guard } from '../../scripts/setup/guard.mjs';
import { step, type Ui } from '../../scripts/setup/ui.mjs';
import { paths } from '../cluster/layout.ts';
import { isUp } from '../cluster/record.ts';
import { Kube } from './kube.ts';
import type { TestOptions } from './options.ts';
import type { Edge } from './scenario.ts';
import { HOST, readAuthority, readKeys, writeSecrets } from './secrets.ts';

/** A release of Headgate in a cluster. */
export interface Site {
  readonly kube: Kube;
  readonly release: string;
  readonly edge: Edge;
  readonly key: string;
  readonly adminKey: string;
  /** Runs the deploy program with the values of the test. @returns its last lines */
  deploy(args: readonly string[], signal: AbortSignal): Promise<string>;
  /** Runs the cluster program. @returns its last lines */
  cluster(args: readonly string[], signal: AbortSignal): Promise<string>;
  /** Waits until every Deployment of the release has all its pods. */
  settle(kube: Kube): Promise<void>;
  /** Removes what the run made. */
  close(): Promise<void>;
}

export interface SiteOptions extends TestOptions {
  readonly root: string;
  /** Folder of this run, removed at its end. */
  readonly dir: string;
  /** Images of MLflow and Airflow too. */
  readonly lifecycle: boolean;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  readonly ui: Ui;
}

const RELEASE = 'headgate';
const CLUSTER = 'k8s/cluster/main.ts';
const VALUES = 'k8s/test/values.yaml';
const TO_STAGING = ['k8s/deploy/main.ts', '--env', 'staging', '--yes'];
const ROUTING = 'config/routing.fallback.yaml';
const IMAGES = 'state/k8s/images.yaml';
const STEP_MS = 10 * 60_000;
/** The first time on a machine Kubernetes and the images are built, on two cores in 20 minutes each. */
const COLD_MS = 40 * 60_000;

/** Starts what is missing: cluster, images, release. @throws Error when a cluster runs that is not to be used */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { guard, signal, namespace, keep } = options;
  const started = options.kubeconfig === undefined;
  const kubeconfig = options.kubeconfig ?? (await startCluster(options));
  const kube = new Kube({ tools: await clusterTools({ guard, signal }), kubeconfig, namespace, signal });
  let deployed = false;
  const close = async () => {
    if (keep) return;
    const late = { ...options, signal: AbortSignal.timeout(STEP_MS) };
    if (started) await runStep(late, 'stop the cluster', [CLUSTER, 'down']);
    else if (deployed) await kube.until(late.signal).kubectl(['delete', 'namespace', namespace], WAIT);
  };
  const keyFile = join(options.dir, 'key');
  const deploy: Site['deploy'] = (args, until) => {
    const files = ['--values', VALUES, '--images', options.images ?? IMAGES, '--routing', ROUTING];
    const checks = ['--key-file', keyFile, '--photo', 'samples/digit-7.png'];
    const all = [...TO_STAGING, '--namespace', namespace, ...files, ...checks, ...args];
    return runStep({ ...options, signal: until }, 'deploy', all, { KUBECONFIG: kubeconfig });
  };
  const cluster: Site['cluster'] = (args, until) =>
    runStep({ ...options, signal: until }, args.join(' '), [CLUSTER, ...args]);
  try {
    deployed = started || !(await isDeployed(kube));
    if (deployed) await prepare(kube, options);
    const { key, adminKey } = await readKeys(kube);
    writeFileSync(keyFile, key, { mode: 0o600 });
    if (deployed) await deploy([], signal);
    const service = await kube.get<{ spec: { clusterIP: string } }>('service', `${RELEASE}-envoy`);
    const edge = { origin: `https://${service.spec.clusterIP}`, host: HOST, ca: await readAuthority(kube) };
    return { kube, release: RELEASE, edge, key, adminKey, deploy, cluster, settle, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @returns its kubeconfig @throws Error when one runs: somebody else may need it */
async function startCluster(options: SiteOptions): Promise<string> {
  if (isUp())
    throw new Error('a cluster runs on this machine: use it by --cluster existing, or npm run cluster:down');
  await runStep({ ...options, withinMs: COLD_MS }, 'cluster', [CLUSTER, 'up']);
  return paths.adminKubeconfig;
}

/** Images and keys. */
async function prepare(kube: Kube, options: SiteOptions): Promise<void> {
  const build = ['k8s/images/main.ts', '--test', ...(options.lifecycle ? ['--lifecycle'] : [])];
  if (options.images === undefined) await runStep({ ...options, withinMs: COLD_MS }, 'images', build);
  await writeSecrets(kube);
}

const WAIT = { withinMs: 180_000 };

async function isDeployed(kube: Kube): Promise<boolean> {
  return JSON.parse(await kube.helm(['list', '--filter', `^${RELEASE}$`, '-o', 'json'])).length > 0;
}

async function settle(kube: Kube): Promise<void> {
  const ours = `app.kubernetes.io/instance=${RELEASE}`;
  await kube.kubectl(['rollout', 'status', 'deployment', '-l', ours, '--timeout=90s'], { withinMs: 95_000 });
}

/** Runs a program of the repository as one task. @returns its last lines */
function runStep(
  { root, guard, signal, ui, withinMs = STEP_MS }: SiteOptions & { readonly withinMs?: number },
  title: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  return step(ui, title, async (onLine) => {
    const options = { cwd: root, env, guard, signal, timeoutMs: withinMs, onLine };
    return (await runCommand(process.execPath, args, options)).join('\n');
  });
}
