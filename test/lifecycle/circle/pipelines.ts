import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '@headgate/testkit/root';
import type { OwnedStack } from '@headgate/testkit/stack';
import { settingsOf } from '../../../scripts/pipelines/run.ts';

/** `headgate-pipelines` for one workspace. */
export interface Pipelines {
  readonly workspace: string;
  /** What the commands need to call the services. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command. @returns its output @throws Error when the exit code is not `expected` */
  run(command: string, args?: readonly string[], expected?: number): Promise<string>;
  /** A program of the environment, such as dvc, in the workspace. */
  program(name: string, args: readonly string[]): Promise<string>;
  python(args: readonly string[]): Promise<string>;
}

const BIN = join(ROOT, 'pipelines/.venv/bin');
const LONGEST_MS = 10 * 60_000;
const TAIL_LINES = 15;

export interface PipelinesOptions {
  readonly stack: OwnedStack;
  readonly mlflowUrl: string;
  readonly dir: string;
  readonly say: (line: string) => void;
  /** Ends the command in progress. */
  readonly signal: AbortSignal;
}

export function pipelinesFor({ stack, mlflowUrl, dir, say, signal }: PipelinesOptions): Pipelines {
  const { ready, portBase } = stack;
  const workspace = join(dir, 'workspace');
  const settings = {
    PATH: `${BIN}:${process.env.PATH}`,
    MLFLOW_TRACKING_URI: mlflowUrl,
    ...settingsOf(ROOT, { HEADGATE_LISTEN__PORT_BASE: `${portBase}` }),
    HEADGATE_PIPELINES_GATEWAY_URL: ready.https ?? ready.gateway,
  };
  const env = { ...process.env, ...settings };
  const program = (name: string, args: readonly string[], cwd: string, expected = 0) =>
    runProgram(join(BIN, name), args, { env, cwd, say, signal, expected });
  return {
    workspace,
    env: settings,
    run: (command, args = [], expected = 0) => {
      const where = command === 'init' ? [workspace] : ['--workspace', workspace];
      return program('headgate-pipelines', [command, ...where, ...args], ROOT, expected);
    },
    program: (name, args) => program(name, args, workspace),
    python: (args) => program('python', args, ROOT),
  };
}

interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  readonly expected: number;
}

async function runProgram(
  path: string,
  args: readonly string[],
  { env, cwd, say, signal, expected }: ProgramOptions,
): Promise<string> {
  const ending = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
  const child = spawn(path, args, { cwd, env, signal: ending, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      say(`    ${line}`);
    });
  }
  const [code] = await once(child, 'close');
  const output = lines.join('\n');
  if (code === expected) return output;
  throw new Error(
    `${[path, ...args].join(' ')} ended with ${code}, not ${expected}:\n${lines.slice(-TAIL_LINES).join('\n')}`,
  );
}
