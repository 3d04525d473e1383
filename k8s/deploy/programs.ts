import { type ChildProcess, spawn } from 'node:child_process';
import type { ClusterTools } from '../../scripts/setup/cluster-tools.ts';
import type { Guard } from '../../scripts/setup/guard.mjs';
import { type ProgramOptions, runProgram } from '../run-program.ts';

const WITHIN_MS = 60_000;

export interface ProgramsOptions {
  readonly tools: ClusterTools;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** Name in the kubeconfig; the current context unless set. */
  readonly context: string | undefined;
  readonly namespace: string;
}

/** A minute unless set; its signal ends this program alone. */
export type RunOptions = Pick<ProgramOptions, 'input' | 'withinMs' | 'signal' | 'onLine'>;

/** helm and kubectl on one context and namespace. */
export class Programs {
  readonly namespace: string;
  readonly #options: ProgramsOptions;

  constructor(options: ProgramsOptions) {
    this.namespace = options.namespace;
    this.#options = options;
  }

  /** @returns standard output @throws ProgramError */
  helm(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.#run(this.#options.tools.helm, [...args, ...this.#place('--kube-context')], options);
  }

  /** @returns standard output @throws ProgramError */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.#run(this.#options.tools.kubectl, [...this.#place('--context'), ...args], options);
  }

  /** `kubectl get … -o json`. @throws ProgramError */
  async get<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '-o', 'json'])) as T;
  }

  /** The object, or undefined where there is none. @throws ProgramError when the cluster does not answer */
  async find<T>(kind: string, name: string): Promise<T | undefined> {
    const found = await this.kubectl(['get', kind, name, '--ignore-not-found', '-o', 'json']);
    return found.trim() === '' ? undefined : (JSON.parse(found) as T);
  }

  /** Starts a kubectl that goes on until it is ended. */
  start(args: readonly string[]): ChildProcess {
    const { tools, guard } = this.#options;
    const child = spawn(tools.kubectl, [...this.#place('--context'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) {
      guard.add(pid);
      child.once('exit', () => guard.remove(pid));
    }
    return child;
  }

  #place(flag: '--context' | '--kube-context'): string[] {
    const { context, namespace } = this.#options;
    return ['--namespace', namespace, ...(context ? [flag, context] : [])];
  }

  #run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { guard, signal } = this.#options;
    const both = options.signal ? AbortSignal.any([signal, options.signal]) : signal;
    return runProgram(command, args, { withinMs: WITHIN_MS, ...options, guard, signal: both });
  }
}
