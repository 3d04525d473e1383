import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { paths } from './layout.ts';
import type { Programs } from './programs.ts';

/** Runs kubectl as the cluster's administrator. @throws Error with its message */
export async function kubectl(
  programs: Pick<Programs, 'kubectl'>,
  args: readonly string[],
  input = '',
): Promise<string> {
  const child = spawn(programs.kubectl, ['--kubeconfig', paths.adminKubeconfig, ...args], { stdio: 'pipe' });
  child.stdin.end(input);
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (code !== 0) throw new Error(`kubectl ${args.slice(0, 3).join(' ')}: ${errors.trim()}`);
  return output;
}

/** Applies objects on the server's side. */
export function apply(programs: Pick<Programs, 'kubectl'>, objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  return kubectl(programs, ['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(list));
}
