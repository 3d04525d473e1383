import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Why `what` does not run on this Python; it needs one older than 3.`below`. */
export async function pythonProblem(
  python: string,
  what: string,
  below: number,
): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)(python, ['-c', 'import sys; print(sys.version_info.minor)']);
  const minor = Number(stdout);
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
