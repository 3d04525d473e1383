/**
 * Exit codes: 1 failed and undone, 2 wrong options or values, 3 something that is needed is missing, 4 deployed and not
 * verified, 130 Ctrl-C.
 */
export type ExitCode = 1 | 2 | 3 | 4;

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
