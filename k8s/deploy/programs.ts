import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterTools } from '../../scripts/setup/cluster-tools.ts';
import { signalGroup } from '../../scripts/setup/command.mjs';
import type { Guard } from '../../scripts/setup/guard.mjs';

/** Between SIGTERM and SIGKILL: Helm marks an interrupted release as failed first. */
const GRACE_MS = 15_000;
const WITHIN_MS = 60_000;

export interface ProgramsOptions {
  readonly tools: ClusterTools;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** Name in the kubeconfig; the current context unless set. */
  readonly context: string | undefined;
  readonly namespace: string;
}

export interface RunOptions {
  /** Goes to the standard input. */
  readonly input?: string;
  /** Longest run, in ms; a minute unless set. */
  readonly withinMs?: number;
  /** Ends this program alone. */
  readonly signal?: AbortSignal;
  /** Gets each line of its standard error. */
  readonly onLine?: (line: string) => void;
}

/** kubectl or helm did not succeed. */
export class ProgramError extends Error {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: string, code: number | null, stdout: string, stderr: string) {
    super(`${command}: ${stderr.trim() || `exit code ${code}`}`);
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

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
    const { tools, context, namespace } = this.#options;
    const where = ['--namespace', namespace, ...(context ? ['--kube-context', context] : [])];
    return this.#run(tools.helm, [...args, ...where], options);
  }

  /** @returns standard output @throws ProgramError */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string> {
    const { tools, context, namespace } = this.#options;
    const where = ['--namespace', namespace, ...(context ? ['--context', context] : [])];
    return this.#run(tools.kubectl, [...where, ...args], options);
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
    const { tools, context, namespace, guard } = this.#options;
    const where = ['--namespace', namespace, ...(context ? ['--context', context] : [])];
    const child = spawn(tools.kubectl, [...where, ...args], {
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

  async #run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { input = '', withinMs = WITHIN_MS } = options;
    const { guard } = this.#options;
    const asked = options.signal ? [this.#options.signal, options.signal] : [this.#options.signal];
    const timeout = AbortSignal.timeout(withinMs);
    const signal = AbortSignal.any([...asked, timeout]);
    signal.throwIfAborted();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const closed = new Promise<number | null>((resolve, reject) => {
      const fail = ({ message }: Error) => reject(new ProgramError(basename(command), null, '', message));
      child.once('error', fail).once('close', resolve);
    });
    const { pid } = child;
    if (pid !== undefined) guard.add(pid);
    const end = () => endGroup(pid, closed);
    signal.addEventListener('abort', end, { once: true });
    try {
      child.stdin.on('error', () => {}).end(input);
      const errors = readLines(child.stderr, options.onLine);
      const [code, stdout, stderr] = await Promise.all([closed, text(child.stdout), errors]);
      for (const one of asked) one.throwIfAborted();
      const late = timeout.aborted ? `took longer than ${withinMs / 1000} s` : '';
      if (code !== 0) throw new ProgramError(basename(command), code, stdout, stderr || late);
      return stdout;
    } finally {
      signal.removeEventListener('abort', end);
      if (pid !== undefined) guard.remove(pid);
    }
  }
}

/** Helm's report of its own steps, with --debug. */
const REPORT = /^level=(DEBUG|INFO)/;

/** @returns the lines that are no report */
async function readLines(stream: Readable, onLine?: (line: string) => void): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) {
    onLine?.(line);
    if (!REPORT.test(line)) lines.push(line);
  }
  return lines.join('\n');
}

async function endGroup(pid: number | undefined, closed: Promise<unknown>): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  const ended = closed.then(
    () => true,
    () => true,
  );
  if (!(await Promise.race([ended, sleep(GRACE_MS, false, { ref: false })]))) signalGroup(pid, 'SIGKILL');
}
