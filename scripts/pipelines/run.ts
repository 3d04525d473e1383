import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Bootstrapped } from '../setup/bootstrap.mjs';
import { airflowStep, pipelinesStep } from '../setup/pipelines.ts';
import { runSteps } from '../setup/runner.mjs';
import { setup } from '../setup/setup.ts';

/** Programs of pipelines/, and the environments that each needs. */
const PROGRAMS = {
  pipelines: { steps: [pipelinesStep], command: ['pipelines/.venv/bin/headgate-pipelines'] },
  airflow: {
    steps: [pipelinesStep, airflowStep],
    command: ['pipelines/airflow/.venv/bin/python', 'pipelines/airflow/run.py'],
  },
} as const;

/** Runs a program in the caller's folder. @param argv its name and arguments @returns its exit code */
export async function runPipelines(
  context: Bootstrapped,
  [name, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { root, signal } = context;
  const { steps, command } = name === 'airflow' ? PROGRAMS.airflow : PROGRAMS.pipelines;
  await setup(context, { fallback: false, python: env.HEADGATE_PYTHON, environment: env.HEADGATE_ENV });
  await runSteps(steps, context);
  const [program = '', ...script] = command.map((path) => join(root, path));
  const child = spawn(program, [...script, ...args], { cwd: env.INIT_CWD ?? root, stdio: 'inherit' });
  // The terminal sends the signal to the child as well.
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}
