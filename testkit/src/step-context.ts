import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createGuard } from '../../scripts/setup/guard.mjs';
import type { StepContext } from '../../scripts/setup/runner.mjs';

export interface TestContext extends StepContext {
  /** The printed output. */
  readonly said: string[];
  readonly stop: AbortController;
}

/** Context of a step, in a folder of the test. */
export function testContext(root: string): TestContext {
  const guard = createGuard();
  onTestFinished(() => guard.close());
  const said: string[] = [];
  const stop = new AbortController();
  return {
    root,
    guard,
    stop,
    said,
    signal: stop.signal,
    logFile: join(root, 'step.log'),
    progress: () => {},
    ui: {
      say: (text) => void said.push(text),
      begin: (title) => ({
        progress: () => {},
        done: () => void said.push(`done ${title}`),
        failed: () => void said.push(`failed ${title}`),
      }),
    },
  };
}
