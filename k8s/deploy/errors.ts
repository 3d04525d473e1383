/**
 * Exit codes: 1 failed and undone, 2 wrong options or values, 3 something that is needed is missing, or another
 * deployment runs, 4 deployed and not verified, 130 Ctrl-C.
 */
export type ExitCode = 1 | 2 | 3 | 4 | 130;

/** Another deployment runs. Nothing is undone: what this one made may be needed by the other. */
export const BUSY: ExitCode = 3;

/** A deployment that cannot go on; the message says what happened, the remedy what to do. */
export class DeployError extends Error {
  readonly remedy: string;
  readonly exitCode: ExitCode;

  constructor(message: string, remedy: string, exitCode: ExitCode = 1) {
    super(message);
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}
