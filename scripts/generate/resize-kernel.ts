import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The resize kernel's source and compiled module. */
const KERNEL_SOURCE = 'inference/assembly/resize-kernel.ts';
export const KERNEL_MODULE = 'inference/src/gen/resize-kernel.ts';

/** Fetched only here: with its back end it has 100 MB, for 747 bytes of output. */
const COMPILER = 'assemblyscript@0.28.20';
const OPTIONS = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--importMemory'];

/** Line endings do not count. */
export function digestOfSource(root: string): string {
  const source = readFileSync(join(root, KERNEL_SOURCE), 'utf8').replaceAll('\r\n', '\n');
  return createHash('sha256').update(source).digest('hex');
}

/** Compiles the resize kernel. @throws Error when the compiler cannot be fetched or refuses the source */
export function generateResizeKernel(root: string): void {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-kernel-'));
  const dir = folder.path;
  const out = join(dir, 'kernel.wasm');
  const args = ['exec', '--yes', `--package=${COMPILER}`, '--', 'asc', KERNEL_SOURCE, ...OPTIONS];
  const { status } = spawnSync('npm', [...args, '--outFile', out], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${COMPILER} has not compiled ${KERNEL_SOURCE}`);
  const target = join(root, KERNEL_MODULE);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(
    target,
    `// Written by npm run generate -- --resize (${COMPILER}). Do not edit.\n\n` +
      `/** SHA-256 of ${KERNEL_SOURCE} when it was compiled. */\n` +
      `export const KERNEL_SOURCE_SHA256 = '${digestOfSource(root)}';\n\n` +
      `/** The WebAssembly module, in base64. */\n` +
      `export const KERNEL_WASM = '${readFileSync(out).toString('base64')}';\n`,
  );
}
