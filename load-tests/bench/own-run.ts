import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGuard, type Guard } from '../../scripts/setup/guard.mjs';

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
 * Runs `work` with a folder and a guard of its own and cleans up, however it ends. The first Ctrl-C ends it in
 * order: what it started is ended by its own `finally` blocks.
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
