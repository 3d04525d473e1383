import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';

/**
 * The console: one script and one style sheet, whose names carry a digest of their text, so that browsers keep them
 * for good. Only index.html has a fixed name.
 * @type {import('esbuild').BuildOptions & { outdir: string }}
 */
export const CONSOLE_BUNDLE = {
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  metafile: true,
  logLevel: 'silent',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryPoints: { main: 'console/src/main.tsx', styles: 'console/src/styles.css' },
  entryNames: '[name]-[hash]',
  outdir: 'console/dist/assets',
};

/**
 * Empties console/dist and writes it: files of an older build would stay otherwise.
 *
 * @param {string} root the checkout
 */
export async function buildConsole(root) {
  const dist = join(root, 'console/dist');
  await rm(dist, { recursive: true, force: true });
  const { metafile } = await esbuild({ ...CONSOLE_BUNDLE, absWorkingDir: root });
  const page = await readFile(join(root, 'console/index.html'), 'utf8');
  await mkdir(join(dist, 'assets'), { recursive: true });
  await copyFile(join(root, 'console/icon.svg'), join(dist, 'assets/icon.svg'));
  await writeFile(join(dist, 'index.html'), pageWith(page, /** @type {any} */ (metafile).outputs));
}

/**
 * The page with the names of the built files in place of `{main}` and `{styles}`.
 *
 * @param {string} page
 * @param {import('esbuild').Metafile['outputs']} outputs
 */
function pageWith(page, outputs) {
  const names = Object.keys(outputs).filter((path) => /\.(js|css)$/.test(path));
  return page.replaceAll(/\{(main|styles)\}/g, (_, entry) => {
    const path = names.find((name) => name.includes(`/${entry}-`)) ?? '';
    return path.replace('console/dist/', '');
  });
}
