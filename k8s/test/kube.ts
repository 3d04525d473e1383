import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from '@headgate/testkit/eventually';
import type { ClusterTools } from '../../scripts/setup/cluster-tools.ts';
import { type ProgramOptions, runProgram } from '../run-program.ts';

export interface KubeOptions {
  readonly tools: ClusterTools;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** The fields of a pod that scenarios read. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers?: readonly { readonly name: string; readonly image: string }[];
  };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly state?: { readonly running?: object };
}

/** A minute unless set; the variables are further ones. */
type CommandOptions = Pick<ProgramOptions, 'input' | 'withinMs' | 'env'>;

const WITHIN_MS = 60_000;

/** kubectl and helm on the namespace of the run. */
export class Kube {
  readonly namespace: string;
  readonly kubeconfig: string;
  readonly tools: ClusterTools;
  readonly #signal: AbortSignal;

  constructor({ tools, kubeconfig, namespace, signal }: KubeOptions) {
    this.tools = tools;
    this.kubeconfig = kubeconfig;
    this.namespace = namespace;
    this.#signal = signal;
  }

  /** The same cluster and namespace, for the time of another signal. */
  until(signal: AbortSignal): Kube {
    const { tools, kubeconfig, namespace } = this;
    return new Kube({ tools, kubeconfig, namespace, signal });
  }

  /** The same cluster, another namespace. */
  in(namespace: string): Kube {
    const { tools, kubeconfig } = this;
    return new Kube({ tools, kubeconfig, namespace, signal: this.#signal });
  }

  /** @returns standard output @throws ProgramError */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.#run(this.tools.kubectl, ['--namespace', this.namespace, ...args], options);
  }

  /** Starts a kubectl that goes on until it is ended. */
  start(args: readonly string[]): ChildProcess {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig };
    const all = ['--namespace', this.namespace, ...args];
    return spawn(this.tools.kubectl, all, { stdio: ['ignore', 'pipe', 'pipe'], env });
  }

  /** @returns standard output @throws ProgramError */
  helm(args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.#run(this.tools.helm, ['--namespace', this.namespace, ...args], options);
  }

  /** `kubectl get ... -o json`. */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '-o', 'json'])) as T;
  }

  /** Applies an object, or several. */
  apply(...objects: readonly object[]): Promise<string> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    return this.kubectl(['apply', '-f', '-'], { input });
  }

  /** Pods of a component, those that are ending left out. */
  async pods(component: string): Promise<Pod[]> {
    const { items } = await this.get<{ items: Pod[] }>(
      'pods',
      '-l',
      `app.kubernetes.io/component=${component}`,
    );
    return items.filter(({ metadata, status }) => !metadata.deletionTimestamp && status.phase !== 'Failed');
  }

  async readyPods(component: string): Promise<Pod[]> {
    return (await this.pods(component)).filter(isReady);
  }

  /** Waits for `count` ready pods of a component that `fits` accepts. */
  async whenReady(
    component: string,
    count: number,
    { fits = () => true, withinMs = WITHIN_MS }: { fits?: (pod: Pod) => boolean; withinMs?: number } = {},
  ): Promise<Pod[]> {
    const look = async () => {
      this.#signal.throwIfAborted();
      const ready = (await this.readyPods(component)).filter(fits);
      return ready.length >= count && ready;
    };
    return eventually(look, { what: `${count} ready pods of ${component}`, withinMs, everyMs: 250 });
  }

  /** A node that can be lost (the host reaches the cluster through kn0), with ready pods of each component. */
  async nodeWith(...components: readonly string[]): Promise<string> {
    const nodesOf = async (component: string) =>
      (await this.readyPods(component)).map(({ spec }) => spec.nodeName ?? '');
    const all = await Promise.all(components.map(nodesOf));
    const found = ['kn2', 'kn1'].find((node) => all.every((nodes) => nodes.includes(node)));
    if (found === undefined)
      throw new Error(`neither kn1 nor kn2 has ready pods of ${components.join(' and ')}`);
    return found;
  }

  /** `kubectl rollout status` of a Deployment. */
  async rolledOut(name: string, withinMs = 120_000): Promise<void> {
    await this.kubectl(['rollout', 'status', `deployment/${name}`, `--timeout=${withinMs / 1000}s`], {
      withinMs: withinMs + 5000,
    });
  }

  #run(command: string, args: readonly string[], options?: CommandOptions): Promise<string> {
    const env = { ...process.env, ...options?.env, KUBECONFIG: this.kubeconfig };
    const title = `${command} ${args.join(' ')}`;
    return runProgram(command, args, { withinMs: WITHIN_MS, ...options, env, title, signal: this.#signal });
  }
}

export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
