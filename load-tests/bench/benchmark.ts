import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGuard, type Guard } from '../../scripts/setup/guard.mjs';
import type { LoadJob } from './client.ts';
import { startWorker } from './jobs.ts';
import { describeMachine, machineLines } from './machine.ts';
import { type BenchOptions, type OptionRules, parseBenchOptions } from './options.ts';
import type { BenchRun } from './series.ts';

/** What a benchmark that starts servers gets from its entry. */
export interface OwnRun {
  /** Folder of this run, removed at its end. */
  readonly dir: string;
  /** Ends process groups that are left when this process dies. */
  readonly guard: Guard;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** One line on stderr with the time since the start. */
  progress(line: string): void;
}

/**
 * A benchmark as a command: options, machine, report.
 *
 * @param work answers the paragraphs of the report
 */
export async function runBenchmark(
  rules: OptionRules,
  work: (run: BenchRun, only: readonly string[]) => Promise<readonly string[]>,
): Promise<void> {
  const options = readOptions(rules);
  const { rounds, stageMs, only } = options;
  await ownRun(async (own) => {
    const machine = describeMachine();
    if (machine.loadBefore > 0.2)
      own.progress(`the machine is busy: load average ${machine.loadBefore.toFixed(2)}`);
    const client = startWorker<LoadJob>('./client.ts');
    try {
      const paragraphs = await work({ ...own, rounds, stageMs, client }, only);
      const how = `${rounds} interleaved round(s) of ${stageMs / 1000} s per load, medians; the client shares the cores.`;
      const report = [`${machineLines(machine)}\n${how}`, ...paragraphs].join('\n\n');
      console.log(`\n${report}`);
      if (options.out) writeFileSync(options.out, `# npm run ${rules.script}\n\n${report}\n`);
    } finally {
      client.stop();
    }
  });
}

function readOptions(rules: OptionRules): BenchOptions {
  try {
    return parseBenchOptions(process.argv.slice(2), rules);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

/**
 * Runs `work` with a folder and a guard of its own and cleans up, however it ends. The first Ctrl-C ends it in order:
 * what it started is ended by its own `finally` blocks.
 */
export async function ownRun(work: (run: OwnRun) => Promise<void>): Promise<void> {
  const startMs = performance.now();
  const dir = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  const guard = createGuard();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
  const progress = (line: string) => {
    console.error(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  };
  try {
    await work({ dir, guard, signal: stop.signal, progress });
  } catch (error) {
    process.exitCode = 1;
    if (stop.signal.aborted) console.error((stop.signal.reason as Error).message);
    else console.error(error);
  } finally {
    await guard.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
