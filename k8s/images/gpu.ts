import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../scripts/setup/command.mjs';
import type { OnLine, Surroundings } from './builder.ts';
import { CUDA_FOLDER } from './images.ts';

const REQUIREMENTS = 'inference/gpu-requirements.txt';
const WITHIN_MS = 20 * 60_000;
/** Which wheels to take, whatever Python runs pip: no Python runs in the image. */
const WHEELS = [
  ...['--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.12'],
  ...[28, 27, 17].flatMap((glibc) => ['--platform', `manylinux_2_${glibc}_x86_64`]),
  ...['--platform', 'manylinux2014_x86_64'],
];

/** Unpacks the CUDA provider and NVIDIA's libraries from PyPI (1.4 GB), unless they are there. */
export async function fetchCuda(around: Surroundings & { readonly onLine: OnLine }): Promise<void> {
  const { root, guard, signal, onLine } = around;
  const folder = join(root, CUDA_FOLDER);
  const stamp = join(folder, 'requirements.txt');
  const wanted = readFileSync(join(root, REQUIREMENTS), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const args = ['-m', 'pip', 'install', '--no-deps', '--require-hashes', '--target', partial, ...WHEELS];
  const options = { cwd: root, guard, signal, onLine, timeoutMs: WITHIN_MS };
  await runCommand(join(root, '.venv/bin/python'), [...args, '-r', REQUIREMENTS], options);
  writeFileSync(join(partial, 'requirements.txt'), wanted);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}
