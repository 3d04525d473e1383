import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { UV_SYNC } from './python.ts';
import type { Step } from './runner.mjs';

const REMEDY = 'run the same command again; state/logs/setup-pipelines*.log has the whole output';

/** The whole environment of pipelines/: MLflow, DVC, training, and the tools that check it. About 1.2 GB. */
export const pipelinesStep: Step = environmentOf('pipelines', 'pipelines', ['--extra', 'lifecycle']);

/** Airflow's packages do not mix with the others. */
export const airflowStep: Step = environmentOf('pipelines-airflow', 'pipelines/airflow', []);

/** Needs the environment of `pythonStep`, which has uv. */
function environmentOf(name: string, folder: string, args: readonly string[]): Step {
  return {
    name,
    title: `Python packages of ${folder}`,
    inputs: [`${folder}/pyproject.toml`, `${folder}/uv.lock`],
    outputs: [`${folder}/.venv/bin/python`],
    run: async ({ root, signal, guard, logFile, progress }) => {
      await runCommand(join(root, '.venv/bin/uv'), [...UV_SYNC, '--project', folder, ...args], {
        cwd: root,
        // A virtual environment of the caller would be taken instead.
        env: { VIRTUAL_ENV: undefined, UV_PROJECT_ENVIRONMENT: undefined },
        signal,
        guard,
        logFile,
        onLine: progress,
        timeoutMs: 20 * 60_000,
      });
    },
    remedy: REMEDY,
  };
}
