import { CommandError, runCommand } from '../setup/command.mjs';
import type { Guard } from '../setup/guard.mjs';

export interface CheckContext {
  readonly root: string;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** A missing tool is a failure. */
  readonly ci?: boolean;
}

export interface CheckItem {
  readonly name: string;
  /** Returns one problem per line; an empty list means success. */
  run(context: CheckContext): Promise<readonly string[]>;
}

export interface CheckResult {
  readonly name: string;
  readonly problems: readonly string[];
  readonly durationMs: number;
  /** Why the item has no result. */
  readonly skipped?: string;
}

/** Thrown by an item that cannot run on this machine. */
export class SkippedCheck extends Error {
  override readonly name = 'SkippedCheck';
  readonly everywhere: boolean;

  /**
   * @param reason a short sentence
   * @param options.everywhere true: not a failure under CI either
   */
  constructor(reason: string, { everywhere = false } = {}) {
    super(reason);
    this.everywhere = everywhere;
  }
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

/**
 * Runs all items, at most `concurrency` at once. An item that throws has failed; the order stays.
 *
 * @param context.ci an item without its tool fails
 */
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
      const verdict = await verdictOf(item, context);
      results[index] = { name: item.name, ...verdict, durationMs: performance.now() - startedAt };
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

async function verdictOf(
  item: CheckItem,
  context: CheckContext,
): Promise<Pick<CheckResult, 'problems' | 'skipped'>> {
  try {
    context.signal.throwIfAborted();
    return { problems: await item.run(context) };
  } catch (error) {
    if (error instanceof SkippedCheck && (error.everywhere || !context.ci)) {
      return { problems: [], skipped: error.message };
    }
    return { problems: [error instanceof Error ? error.message : String(error)] };
  }
}

/** One line per item: name, ok or FAILED, seconds; or why it was skipped. */
export function formatResults(results: readonly CheckResult[]): string {
  const width = Math.max(...results.map((result) => result.name.length));
  return results
    .map(({ name, problems, durationMs, skipped }) => {
      if (skipped !== undefined) return `  ${name.padEnd(width)}  skipped: ${skipped}`;
      const verdict = problems.length === 0 ? 'ok    ' : 'FAILED';
      return `  ${name.padEnd(width)}  ${verdict}  ${(durationMs / 1000).toFixed(1)} s`;
    })
    .join('\n');
}
