import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bootstrapped } from '../../../scripts/setup/bootstrap.mjs';
import { pipelinesStep } from '../../../scripts/setup/pipelines.ts';
import { runSteps } from '../../../scripts/setup/runner.mjs';
import { setup } from '../../../scripts/setup/setup.ts';
import { REDUCED, runCircle, WHOLE } from './circle.ts';

/** @param argv --reduced: what `npm test` runs */
export async function demo(
  context: Bootstrapped,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { root, ui, signal } = context;
  await setup(context, { fallback: false, python: env.HEADGATE_PYTHON });
  await runSteps([pipelinesStep], context);
  const dir = join(root, 'state/lifecycle');
  rmSync(dir, { recursive: true, force: true });
  const size = argv.includes('--reduced') ? REDUCED : WHOLE;
  const timeline = await runCircle({ dir, size, say: ui.say, signal });
  ui.say(`\n${timeline.table()}\n`);
  return 0;
}
