import { CommandError, runCommand } from '../setup/command.mjs';
import type { Guard } from '../setup/guard.mjs';

export interface CheckContext {
  readonly root: string;
  readonly guard: Guard;
  readonly signal: AbortSignal;
}

export interface CheckItem {
  readonly name: string;
  /** Returns what is wrong, one problem a line; nothing when all is well. */
  run(context: CheckContext): Promise<readonly string[]>;
}

export interface CheckResult {
  readonly name: string;
  readonly problems: readonly string[];
  readonly durationMs: number;
}

/** Lines of output that a failing tool may add to the report. */
const MAX_LINES = 200;
const TIMEOUT_MS = 3 * 60_000;

/** Runs a tool of the checkout; its output is the list of problems when it fails. */
export async function checkCommand(
  { root, guard, signal }: CheckContext,
  command: string,
  args: readonly string[],
): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    await runCommand(command, args, {
      cwd: root,
      guard,
      signal,
      timeoutMs: TIMEOUT_MS,
      // Redocly would report each use of it, and look for updates.
      env: { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NO_COLOR: '1' },
      onLine: (line) => lines.length < MAX_LINES && lines.push(line),
    });
    return [];
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [error.message, ...lines];
  }
}

/** Runs all items, at most `concurrency` at once. An item that throws has failed; the order stays. */
export async function runChecks(
  items: readonly CheckItem[],
  context: CheckContext,
  concurrency: number,
): Promise<CheckResult[]> {
  const results: CheckResult[] = new Array(items.length);
  const queue = items.entries();
  const work = async () => {
    for (const [index, item] of queue) {
      const startedAt = performance.now();
      const problems = await problemsOf(item, context);
      results[index] = { name: item.name, problems, durationMs: performance.now() - startedAt };
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

async function problemsOf(item: CheckItem, context: CheckContext): Promise<readonly string[]> {
  try {
    context.signal.throwIfAborted();
    return await item.run(context);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** One line an item: name, ok or FAILED, seconds. */
export function formatResults(results: readonly CheckResult[]): string {
  const width = Math.max(...results.map((result) => result.name.length));
  return results
    .map(({ name, problems, durationMs }) => {
      const verdict = problems.length === 0 ? 'ok    ' : 'FAILED';
      return `  ${name.padEnd(width)}  ${verdict}  ${(durationMs / 1000).toFixed(1)} s`;
    })
    .join('\n');
}
