import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Minor versions of Python 3. */
interface PythonRange {
  readonly from?: number;
  /** The first one that is too new. */
  readonly below?: number;
}

/** Why `what` does not run on this Python; it needs one in the given range. */
export async function pythonProblem(
  python: string,
  what: string,
  { from = 0, below = Number.POSITIVE_INFINITY }: PythonRange,
): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)(python, ['-c', 'import sys; print(sys.version_info.minor)']);
  const minor = Number(stdout);
  if (minor < from) return `${what} needs Python 3.${from} or newer, and this one is 3.${minor}`;
  return minor < below ? undefined : `${what} needs a Python before 3.${below}, and this one is 3.${minor}`;
}

/** Why a program built against this glibc does not run here. */
export async function glibcProblem(what: string, needed: number): Promise<string | undefined> {
  const found = glibcVersion();
  if (found === undefined) return `${what} needs Linux with glibc ${needed}`;
  const isOlder = found.localeCompare(String(needed), 'en', { numeric: true }) < 0;
  return isOlder ? `${what} needs glibc ${needed}, and this machine has ${found}` : undefined;
}

/** Version of this machine's glibc, as this process has it; undefined on systems without. */
function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime;
}
