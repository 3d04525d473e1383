import { runProgram } from '../run-program.ts';
import { paths } from './layout.ts';
import type { Programs } from './programs.ts';

/** Longer than each `--timeout` that callers give. */
const WITHIN_MS = 120_000;

/** Runs kubectl as the cluster's administrator. @throws ProgramError */
export function kubectl(
  programs: Pick<Programs, 'kubectl'>,
  args: readonly string[],
  input = '',
): Promise<string> {
  const options = { input, withinMs: WITHIN_MS, title: `kubectl ${args.slice(0, 3).join(' ')}` };
  return runProgram(programs.kubectl, ['--kubeconfig', paths.adminKubeconfig, ...args], options);
}

/** Applies objects on the server's side. */
export function apply(programs: Pick<Programs, 'kubectl'>, objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  return kubectl(programs, ['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(list));
}
