import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../../scripts/setup/command.mjs';
import { type RunnerContext, runSteps, type Step, StepError } from '../../../scripts/setup/runner.mjs';
import { findBinaries, findChromium, missingPackages } from './binaries.ts';
import { missingS3Packages } from './s3.ts';

const APT = '/usr/bin/apt-get';
const MINUTE_MS = 60_000;

/** What can be installed on this machine; tests pass another one. */
export interface Machine {
  /** Missing Debian packages. */
  missing(): readonly string[];
  /** Why packages cannot be installed here; undefined when they can. */
  obstacle(): string | undefined;
}

const thisMachine: Machine = {
  // Only one suite needs the S3 server, and it skips itself without one.
  missing: () => [
    ...missingPackages(findBinaries()),
    ...(obstacleHere() === undefined ? missingS3Packages() : []),
  ],
  obstacle: obstacleHere,
};

/** For the console's tests. */
export const browserMachine: Machine = {
  missing: () => (findChromium() === undefined ? ['chromium'] : []),
  obstacle: obstacleHere,
};

function obstacleHere(): string | undefined {
  if (!existsSync(APT)) return 'there is no apt-get';
  return process.getuid?.() === 0 ? undefined : 'only root may install packages';
}

/**
 * Installs what a machine lacks for tests: by default Redis, PostgreSQL, and what an S3 server needs.
 *
 * @returns why something is missing; undefined when all is present
 */
export async function prepareServices(
  context: RunnerContext,
  machine: Machine = thisMachine,
): Promise<string | undefined> {
  const needed = machine.missing();
  if (needed.length === 0) return undefined;
  const obstacle = machine.obstacle();
  if (obstacle !== undefined) return `needs ${needed.join(' and ')}, and ${obstacle}`;
  try {
    await runSteps([servicesStep(machine)], context);
    return undefined;
  } catch (error) {
    if (context.signal.aborted || !(error instanceof StepError)) throw error;
    return `needs ${needed.join(' and ')}: ${error.tail.at(-1) ?? error.message} (${error.remedy})`;
  }
}

/** Installs the missing Debian packages; starts no service. */
export function servicesStep(machine: Machine, apt = APT): Step {
  return {
    name: 'services',
    title: `${machine.missing().join(', ')} for tests`,
    inputs: [],
    outputs: [],
    isStale: () => machine.missing().length > 0,
    run: async ({ root, signal, guard, logFile, progress }) => {
      const options = { cwd: root, signal, guard, onLine: progress, timeoutMs: 10 * MINUTE_MS, env: QUIET };
      const aptGet = (log: string, args: readonly string[]) =>
        runCommand(apt, [...WAIT_FOR_OTHERS, ...args], { ...options, logFile: log });
      await aptGet(join(root, 'state/logs/setup-services-update.log'), ['update']);
      await aptGet(logFile, ['install', '-y', '--no-install-recommends', ...machine.missing()]);
      const missing = machine.missing();
      if (missing.length > 0) throw new Error(`apt-get installed no program of ${missing.join(', ')}`);
    },
    remedy: `install ${machine.missing().join(', ')} by hand, then run the same command again`,
  };
}

const WAIT_FOR_OTHERS = ['-o', 'DPkg::Lock::Timeout=300'];

/** Asks no questions and starts no service: tests start their own on free ports. */
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
