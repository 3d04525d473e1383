import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CliError } from '../errors.ts';
import type { Installation, Surroundings } from '../surroundings.ts';

/**
 * Runs a command of headgate-pipelines in the environment that setup makes, and passes its progress on.
 *
 * @returns what it printed
 * @throws CliError with its words when it fails
 */
export async function runPython(
  args: readonly string[],
  { root }: Pick<Installation, 'root'>,
  around: Surroundings,
): Promise<string> {
  const python = join(root, '.venv/bin/python');
  if (!existsSync(python)) {
    throw new CliError('failed', `the Python tools are not set up here: ${python} is missing`, {
      remedy:
        'run npm start once in the checkout; it needs Python 3.11 or later, or HEADGATE_PYTHON that names one',
    });
  }
  const child = spawn(python, ['-m', 'headgate_pipelines.cli', ...args], {
    cwd: around.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...around.env,
      PYTHONPATH: join(root, 'pipelines/src'),
      HEADGATE_ROOT: root,
      HEADGATE_PIPELINES_NODE: process.execPath,
      // ONNX Runtime sends usage data to its maker unless this is set.
      ORT_DISABLE_TELEMETRY: '1',
    },
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    // The error comes last, and is worded again below.
    if (words === '' && !/^(error|remedy): /m.test(chunk)) around.err(chunk);
    else words += chunk;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const [printed, code] = await Promise.all([text(child.stdout), ended]);
  if (code === 0) return printed;
  const [, message, remedy] = /^error: (.*?)(?:\nremedy: (.*))?$/ms.exec(words.trim()) ?? [];
  throw new CliError('failed', message ?? `${python} ended with exit code ${code}: ${words.trim()}`, {
    remedy: remedy ?? 'the same command with --help shows what is accepted',
  });
}
