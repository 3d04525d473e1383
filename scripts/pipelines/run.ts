import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import type { Bootstrapped } from '../setup/bootstrap.mjs';
import { DEV_KEYS_FILE, readDevKeys, writePrivate } from '../setup/keys.ts';
import { airflowStep, pipelinesStep } from '../setup/pipelines.ts';
import { runSteps } from '../setup/runner.mjs';
import { setup } from '../setup/setup.ts';

const BIN = 'pipelines/.venv/bin';
/** Programs of that folder that a data scientist needs besides ours. */
const OTHERS = ['dvc', 'mlflow'];
const AIRFLOW = ['pipelines/airflow/.venv/bin/python', 'pipelines/airflow/run.py'];

/** Seven workers would outlive the server. */
const MLFLOW = { MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' };

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Runs `headgate-pipelines`, dvc, mlflow or a local Airflow in the caller's folder.
 *
 * @param argv `airflow`, or `pipelines`; and the arguments @returns its exit code
 */
export async function runPipelines(
  context: Bootstrapped,
  [name, ...args]: readonly string[],
  env: Env,
): Promise<number> {
  const { root, signal } = context;
  await setup(context, { fallback: false, python: env.HEADGATE_PYTHON, environment: env.HEADGATE_ENV });
  await runSteps(name === 'airflow' ? [pipelinesStep, airflowStep] : [pipelinesStep], context);
  const [program = '', ...rest] = name === 'airflow' ? [...AIRFLOW, ...args] : programOf(args);
  const child = spawn(join(root, program), rest, {
    cwd: env.INIT_CWD ?? root,
    env: { ...MLFLOW, ...settingsOf(root, env), ...env, PATH: [join(root, BIN), env.PATH].join(delimiter) },
    stdio: 'inherit',
  });
  // The terminal sends the signal to the child as well.
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}

function programOf(args: readonly string[]): readonly string[] {
  const [first = ''] = args;
  return OTHERS.includes(first)
    ? [`${BIN}/${first}`, ...args.slice(1)]
    : [`${BIN}/headgate-pipelines`, ...args];
}

/**
 * What the commands need to call the service of this checkout. Empty where there are no development keys, and where the
 * caller names a service: that one must not get these keys.
 */
export function settingsOf(root: string, env: Env): Record<string, string> {
  if (env.HEADGATE_PIPELINES_CONTROL_URL || env.HEADGATE_PIPELINES_GATEWAY_URL) return {};
  if (!existsSync(join(root, DEV_KEYS_FILE))) return {};
  const keyFile = join(root, 'state/pipelines/admin.key');
  const { admin } = readDevKeys(root);
  mkdirSync(dirname(keyFile), { recursive: true, mode: 0o700 });
  // Another command may read it now.
  if (!existsSync(keyFile) || readFileSync(keyFile, 'utf8') !== admin) writePrivate(keyFile, admin);
  const base = Number(env.HEADGATE_LISTEN__PORT_BASE ?? 8440);
  return {
    HEADGATE_PIPELINES_CONTROL_URL: `http://127.0.0.1:${portOf(base, 'control')}`,
    HEADGATE_PIPELINES_GATEWAY_URL: `https://localhost:${portOf(base, 'https')}`,
    HEADGATE_PIPELINES_ADMIN_KEY_FILE: keyFile,
    // An admin may do what a tester may.
    HEADGATE_PIPELINES_TESTER_KEY_FILE: keyFile,
    HEADGATE_PIPELINES_CA_FILE: join(root, 'state/tls/public/ca.crt'),
  };
}
