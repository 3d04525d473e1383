import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheDir as headgateCache } from '../../../scripts/setup/cache.ts';
import { runCommand } from '../../../scripts/setup/command.mjs';
import type { Guard } from '../../../scripts/setup/guard.mjs';

export interface GoTool {
  /** Package of the program: `github.com/owner/tool/v2/cmd/tool`. */
  readonly path: string;
  /** Exact: `v2.1.0`. */
  readonly version: string;
}

export interface GoToolOptions {
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** Parent of all tools. */
  readonly cacheDir?: string;
  /** Further variables for the build. */
  readonly env?: Readonly<Record<string, string>>;
}

const BUILD_WITHIN_MS = 10 * 60_000;

/**
 * Builds a Go program once per machine and version, outside of the checkout. Go verifies its sources with the checksum
 * database.
 *
 * @returns path of the program
 * @throws CommandError without Go, or when the build fails
 */
export async function goTool({ path, version }: GoTool, options: GoToolOptions): Promise<string> {
  const { guard, signal, cacheDir = join(headgateCache(), 'go') } = options;
  const name = programOf(path);
  const program = join(cacheDir, `${name}-${version}`, name);
  if (existsSync(program)) return program;
  // Built in a separate folder and renamed: two checkouts may build it at the same time.
  const building = join(cacheDir, `${name}-${version}.${process.pid}`);
  mkdirSync(building, { recursive: true });
  mkdirSync(dirname(program), { recursive: true });
  const env = { ...options.env, GOBIN: building, GOFLAGS: '-mod=mod' };
  await runCommand('go', ['install', `${path}@${version}`], {
    cwd: building,
    env,
    guard,
    signal,
    timeoutMs: BUILD_WITHIN_MS,
  });
  renameSync(join(building, name), program);
  rmSync(building, { recursive: true });
  return program;
}

/** Go names a program after the last folder that is not a major version. */
export function programOf(path: string): string {
  const last = basename(path);
  return /^v\d+$/.test(last) ? basename(dirname(path)) : last;
}
