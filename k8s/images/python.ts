import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runCommand } from '../../scripts/setup/command.mjs';
import type { OnLine, Surroundings } from './builder.ts';
import { PYTHON_FOLDER, type PythonProject } from './images.ts';

const WITHIN_MS = 20 * 60_000;
const ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/**
 * Installs what the lock file of a project pins into a folder, unless it is there: wheels for the image's Python, which
 * need not be that of this machine.
 */
export async function fetchPython(
  { folder, extras }: PythonProject,
  around: Surroundings & { readonly onLine: OnLine },
): Promise<void> {
  const { root, guard, signal, onLine } = around;
  const target = join(root, PYTHON_FOLDER, basename(folder));
  const stamp = join(target, 'uv.lock');
  const wanted = readFileSync(join(root, folder, 'uv.lock'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const uv = (args: readonly string[]) =>
    runCommand(join(root, '.venv/bin/uv'), args, { cwd: root, guard, signal, onLine, timeoutMs: WITHIN_MS });
  const requirements = `${target}.txt`;
  const chosen = extras.flatMap((extra) => ['--extra', extra]);
  const pinned = ['--frozen', '--no-dev', '--no-emit-project', '--output-file', requirements];
  await uv(['export', '--quiet', '--project', folder, ...chosen, ...pinned]);
  const platform = `${ARCHITECTURE[process.arch]}-manylinux_2_28`;
  const options = ['--no-deps', '--require-hashes', '--target', partial, '--link-mode', 'copy'];
  const image = ['--python-version', '3.11', '--python-platform', platform];
  await uv(['pip', 'install', ...options, ...image, '--requirements', requirements]);
  writeFileSync(join(partial, 'uv.lock'), wanted);
  rmSync(target, { recursive: true, force: true });
  renameSync(partial, target);
}
