import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Bootstrapped } from '../setup/bootstrap.mjs';
import { pipelinesStep } from '../setup/pipelines.ts';
import { runSteps } from '../setup/runner.mjs';
import { setup } from '../setup/setup.ts';

/** Runs the command line of pipelines/ in the caller's folder. @returns its exit code */
export async function runPipelines(
  context: Bootstrapped,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { root, signal } = context;
  await setup(context, { fallback: false, python: env.HEADGATE_PYTHON, environment: env.HEADGATE_ENV });
  await runSteps([pipelinesStep], context);
  const program = join(root, 'pipelines/.venv/bin/headgate-pipelines');
  const child = spawn(program, args, { cwd: env.INIT_CWD ?? root, stdio: 'inherit' });
  // The terminal sends the signal to the child as well.
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}
