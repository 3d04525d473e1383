import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { CONSOLE_BUNDLE } from '../build-console.mjs';
import type { CheckItem } from './item.ts';

/** Script and style sheet together, as browsers fetch them. */
const MAX_GZIP_BYTES = 150_000;

/** The console stays small, and takes types only from the contracts: their schemas would bring zod. */
export const consoleSizeItem: CheckItem = {
  name: 'size of the console',
  run: async ({ root }) => {
    const { outputFiles, metafile } = await build({ ...CONSOLE_BUNDLE, absWorkingDir: root, write: false });
    const files = outputFiles.filter(({ path }) => !path.endsWith('.map'));
    const size = files.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    return consoleProblems(size, Object.keys(metafile?.inputs ?? {}));
  },
};

/** @param inputs paths of the files that the bundle is made of */
export function consoleProblems(gzipBytes: number, inputs: readonly string[]): string[] {
  const problems = inputs
    .filter((path) => path.includes('node_modules/zod/'))
    .slice(0, 1)
    .map((path) => `the console contains ${path}; import types only from the contracts`);
  if (gzipBytes <= MAX_GZIP_BYTES) return problems;
  return [...problems, `the console has ${gzipBytes} bytes (gzip); at most ${MAX_GZIP_BYTES} are allowed`];
}
