import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { within } from '@headgate/testkit/eventually';

/** What one run of one load measured. */
export interface Measured {
  /** Of each successful answer inside the measured window, in ms. */
  readonly latencies: readonly number[];
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /** Successful answers in all, warm-up included: what CPU time is divided by. */
  readonly answered: number;
  /** Status or code → count, successes excluded. */
  readonly failures: Readonly<Record<string, number>>;
  /** CPU time of the measuring process itself, warm-up included, in ms. */
  readonly cpuMs: number;
}

/** The monotonic clock that all processes of the machine share, in ms. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Successful answers per second. */
export function rateOf({ latencies, windowMs }: Measured): number {
  return (latencies.length * 1000) / windowMs;
}

/** Sums counts by name. */
export function addUp(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const count of counts) {
    for (const [name, value] of Object.entries(count)) sum[name] = (sum[name] ?? 0) + value;
  }
  return sum;
}

/** Longest time for one job, in ms: every job names a duration far below. */
const JOB_WITHIN_MS = 180_000;

/** A child process that works off one job after the other, so that its CPU time is not the orchestrator's. */
export interface Worker<Job, Result = Measured> {
  run(job: Job): Promise<Result>;
  stop(): void;
}

export interface WorkerOptions {
  /** A command that runs the worker: `nsenter`, with its options, say. */
  readonly wrapper?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** @param file a module of this folder that calls `answerJobs` */
export function startWorker<Job extends object, Result = Measured>(
  file: string,
  { wrapper = [], env = {} }: WorkerOptions = {},
): Worker<Job, Result> {
  const command = [...wrapper, process.execPath];
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)), {
    serialization: 'advanced',
    execPath: command[0] as string,
    execArgv: command.slice(1),
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit').then((): never => {
    throw new Error(`${file} has ended`);
  });
  ended.catch(() => {});
  return {
    run: async (job) => {
      const answered = once(child, 'message') as Promise<[{ result: Result } | { error: string }]>;
      child.send(job);
      const [answer] = await within(Promise.race([answered, ended]), { what: file, withinMs: JOB_WITHIN_MS });
      if ('error' in answer) throw new Error(`${file}: ${answer.error}`);
      return answer.result;
    },
    stop: () => void child.kill(),
  };
}

/** The child's side of `startWorker`. */
export function answerJobs<Job, Result = Measured>(work: (job: Job) => Promise<Result>): void {
  process.on('message', (job) => {
    work(job as Job).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
}
