import { CommandError } from '../../scripts/setup/command.mjs';
import { http1Client, http2Client } from './clients.ts';
import { hostView } from './host.ts';
import type { Kube } from './kube.ts';
import { startLoad, type Tally } from './load.ts';
import type { Result } from './report.ts';
import { type Context, type Scenario, Skipped } from './scenario.ts';
import type { Site } from './site.ts';

export interface RunOptions {
  readonly site: Site;
  readonly dir: string;
  readonly signal: AbortSignal;
  /** All scenarios together; those that are left then count as failed. */
  readonly totalMs: number;
  /** Begins the progress line of a scenario. */
  readonly begin: (title: string) => { progress(text: string): void; done(): void; failed(): void };
}

const SCENARIO_MS = 120_000;
const CLEAN_UP_MS = 180_000;
/** Of a program that failed. */
const TAIL_LINES = 5;
const STOPPED = 'the run was stopped';
/** Low: two cores serve the cluster, its pods and the clients. */
const LOAD = { perSecond: 20, timeoutMs: 10_000 };

/** Runs scenarios one after the other on one release. */
export async function runScenarios(scenarios: readonly Scenario[], options: RunOptions): Promise<Result[]> {
  const results: Result[] = [];
  const endMs = performance.now() + options.totalMs;
  for (const scenario of scenarios) {
    const leftMs = endMs - performance.now();
    if (options.signal.aborted) results.push({ ...blank(scenario), problem: STOPPED });
    else if (leftMs <= 0)
      results.push({ ...blank(scenario), verdict: 'failed', problem: 'no time was left' });
    else results.push(await runOne(scenario, options, leftMs));
  }
  return results;
}

const blank = ({ name, title }: Scenario): Result => ({
  ...{ name, title, sent: 0, failed: 0, reasons: {}, figures: {}, seconds: 0, verdict: 'skipped' },
});

async function runOne(scenario: Scenario, options: RunOptions, leftMs: number): Promise<Result> {
  const task = options.begin(scenario.name);
  const startMs = performance.now();
  const withinMs = Math.ceil(Math.min(scenario.withinMs ?? SCENARIO_MS, leftMs));
  const watchdog = AbortSignal.timeout(withinMs);
  const signal = AbortSignal.any([options.signal, watchdog]);
  const { context, figures, tallies, undo } = contextOf(options, signal, task.progress);
  let problem: string | undefined;
  let isSkipped = false;
  try {
    await untilAborted(scenario.run(context), signal);
  } catch (error) {
    isSkipped = error instanceof Skipped || options.signal.aborted;
    if (options.signal.aborted) problem = STOPPED;
    else problem = watchdog.aborted ? `not done within ${Math.round(withinMs / 1000)} s` : textOf(error);
  }
  task.progress('cleaning up');
  const undone = await undo().catch(textOf);
  const all = await Promise.all(tallies.map((stop) => stop()));
  const { sent, failed, resent, reasons } = sumOf(all);
  if (sent > 0) figures['sent again'] = resent;
  const share = failed / Math.max(1, sent);
  if (problem === undefined && share > (scenario.mayFail ?? 0))
    problem = `${failed} of ${sent} requests failed`;
  if (undone !== undefined) problem = problem === undefined ? undone : `${problem}; cleaning up: ${undone}`;
  const verdict = isSkipped ? 'skipped' : problem === undefined ? 'passed' : 'failed';
  if (verdict === 'failed' || problem?.startsWith(STOPPED)) task.failed();
  else task.done();
  const seconds = (performance.now() - startMs) / 1000;
  const result = { ...blank(scenario), sent, failed, reasons, figures, seconds, verdict } as const;
  return problem === undefined ? result : { ...result, problem };
}

/** The context of one scenario, and what the runner reads of it afterwards. */
function contextOf({ site, dir }: RunOptions, signal: AbortSignal, progress: (text: string) => void) {
  const figures: Record<string, string | number> = {};
  const tallies: (() => Promise<Tally>)[] = [];
  const undos: ((kube: Kube) => Promise<unknown>)[] = [];
  const { edge, key, adminKey, release } = site;
  const context: Context = {
    ...{ edge, key, adminKey, release, dir, signal, progress, host: hostView, kube: site.kube.until(signal) },
    load: (load) => {
      const running = startLoad(edge, { ...LOAD, key, ...load });
      tallies.push(running.stop);
      return running;
    },
    client: (kind) => (kind === 'http1' ? http1Client(edge, true) : http2Client(edge)),
    figure: (name, value) => {
      figures[name] = value;
    },
    deploy: (args = [], until = signal) => site.deploy(args, AbortSignal.any([signal, until])),
    cluster: (...args) => site.cluster(args, AbortSignal.timeout(CLEAN_UP_MS)),
    cleanUp: (undo) => void undos.push(undo),
  };
  const undo = async () => {
    const kube = site.kube.until(AbortSignal.timeout(CLEAN_UP_MS));
    for (const one of undos.reverse()) await one(kube);
    await site.settle(kube);
    return undefined;
  };
  return { context, figures, tallies, undo };
}

function sumOf(tallies: readonly Tally[]): Omit<Tally, 'p99Ms' | 'longestGapMs'> {
  const reasons: Record<string, number> = {};
  for (const tally of tallies)
    for (const [what, count] of Object.entries(tally.reasons)) reasons[what] = (reasons[what] ?? 0) + count;
  const sum = (field: 'sent' | 'failed' | 'resent') =>
    tallies.reduce((total, tally) => total + tally[field], 0);
  return { sent: sum('sent'), failed: sum('failed'), resent: sum('resent'), reasons };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  return Promise.race([work, aborted]);
}

function textOf(error: unknown): string {
  const causes: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) {
    causes.push(one.message);
    if (one instanceof CommandError) causes.push(one.tail.slice(-TAIL_LINES).join(' / '));
  }
  return causes.join(': ') || String(error);
}
