import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheDir as headgateCache } from '../../../scripts/setup/cache.ts';
import { CommandError, runCommand } from '../../../scripts/setup/command.mjs';
import type { Guard } from '../../../scripts/setup/guard.mjs';
import { acquireLock } from '../../../scripts/setup/lock.mjs';
import { complaintOf, PIP_INSTALL } from '../../../scripts/setup/python.ts';

export interface VenvOptions {
  /** For the folder and for messages, e.g. `tritonclient`. */
  readonly name: string;
  /** A requirements file that pins every package, transitive ones included. */
  readonly requirements: string;
  /** Path of the interpreter. */
  readonly python: string;
  readonly signal: AbortSignal;
  readonly guard: Guard;
  readonly progress: (line: string) => void;
  /** Parent of all environments. */
  readonly cacheDir?: string;
}

/** Written last: a folder without it is incomplete and is created again. */
const COMPLETE = 'complete';
const MAKE_WITHIN_MS = 120_000;
const INSTALL_WITHIN_MS = 20 * 60_000;

/**
 * Creates a Python environment with exactly these packages, once per machine: the folder's name contains a hash of
 * requirements and interpreter. It is built in place under a lock and marked complete at the end; a rename would break
 * the paths inside its programs.
 *
 * @returns path of the environment's `python`
 * @throws Error with pip's message
 */
export async function cachedVenv(options: VenvOptions): Promise<string> {
  const { name, requirements, signal, progress, cacheDir = join(headgateCache(), 'venv') } = options;
  const text = readFileSync(requirements, 'utf8');
  const version = await firstLine(options, [
    '-c',
    'import sys, sysconfig; print(sys.version, sysconfig.get_platform())',
  ]);
  const dir = join(cacheDir, `${name}-${keyOf([text, version])}`);
  const python = join(dir, 'bin/python');
  const complete = join(dir, COMPLETE);
  if (existsSync(complete)) return python;
  mkdirSync(cacheDir, { recursive: true });
  const release = await acquireLock(`${dir}.lock`, {
    signal,
    onWait: (pid) => progress(`process ${pid} makes the environment ${name}; waiting for it`),
  });
  try {
    if (existsSync(complete)) return python;
    progress(`making the Python environment ${name}`);
    await run(options, options.python, ['-m', 'venv', '--clear', dir], MAKE_WITHIN_MS);
    await run(options, python, [...PIP_INSTALL, '-r', resolve(requirements)], INSTALL_WITHIN_MS);
    writeFileSync(complete, '');
    return python;
  } finally {
    release();
  }
}

function keyOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(JSON.stringify(part));
  return hash.digest('hex').slice(0, 16);
}

async function firstLine(options: VenvOptions, args: readonly string[]): Promise<string> {
  return (await run(options, options.python, args, MAKE_WITHIN_MS)).join(' ');
}

async function run(
  { name, signal, guard }: VenvOptions,
  command: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<readonly string[]> {
  try {
    return await runCommand(command, args, { cwd: '/', signal, guard, timeoutMs });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new Error(`the Python environment ${name}: ${complaintOf(error)}`, { cause: error });
  }
}
