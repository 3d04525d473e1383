import { ConfigError } from '@headgate/runtime/load-config';
import { CommanderError } from 'commander';

/** Why a command did not do what it was asked, with the exit code for scripts. docs/cli.md lists them. */
export const EXIT = {
  failed: 1,
  usage: 2,
  /** Nothing wrong was found, and not everything could be looked at, or is still starting. */
  unchecked: 3,
  not_found: 4,
  conflict: 5,
  /** Of this program, or of the machine: it says nothing about what was asked. */
  fault: 6,
  /** Asked how things are: something is down. */
  down: 7,
  /** The rollout that was followed ended in a rollback. */
  rolled_back: 8,
  /** Asked how things are: nothing is down, and something is degraded. */
  degraded: 9,
} as const;

export type FailureCode = keyof typeof EXIT;

/** A failure with what to do about it. Everything else that is thrown is a fault of this program. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: FailureCode;
  readonly remedy: string;

  constructor(code: FailureCode, message: string, { remedy, cause }: { remedy: string; cause?: unknown }) {
    super(message, { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

/** What is printed about a failure; `null` when it was none (help and version are "thrown" by commander). */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly remedy: string;
}

export function failureOf(thrown: unknown): Failure | null {
  if (thrown instanceof CliError) return thrown;
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return null;
    const isBare = thrown.code === 'commander.help';
    const message = isBare ? 'a command is missing' : thrown.message.replace(/^error: /, '');
    const remedy =
      thrown.code === 'commander.unknownCommand'
        ? '--help in its place shows the commands'
        : 'the same command with --help shows what is accepted';
    return { code: 'usage', message, remedy };
  }
  if (thrown instanceof ConfigError) {
    return { code: 'usage', message: thrown.message, remedy: 'correct the configuration as listed' };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'fault', message, remedy: 'run it again; if it fails again, report it with this message' };
}
