import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  globSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Image } from './images.ts';
import { type Lock, packageFolders } from './packages.ts';

/** One file of a build context. */
export interface Entry {
  /** Path in the checkout. */
  readonly from: string;
  /** Path in the context. */
  readonly to: string;
}

/** Files of packages that no program loads at run time. Licences stay. */
const NOT_NEEDED = [
  /\.(map|d\.[cm]?ts|[cm]?ts|md|markdown|flow)$/,
  /(^|\/)(test|tests|example|examples|docs|man)\//,
  /^@opentelemetry\/[^/]+\/build\/(esm|esnext)\//,
  /^@julusian\/jpeg-turbo\/(src\/|CMakeLists)/,
  // Both bring the libraries of every platform, for one of which this image is.
  new RegExp(`^@julusian/jpeg-turbo/prebuilds/(?!jpeg-turbo-linux-${process.arch}/)`),
  new RegExp(`^onnxruntime-node/bin/napi-v6/(?!linux/${process.arch}/)`),
  /^onnxruntime-node\/script\//,
];

/**
 * What the image is made of, in a fixed order.
 *
 * @throws Error that names what setup has to make first
 */
export function contextOf(root: string, image: Image, lock: Lock): Entry[] {
  const fromSources = image.sources.flatMap(({ from, to }) => {
    const [found] = globSync(from, { cwd: root });
    if (found === undefined) throw new Error(`${from} does not exist; run npm run setup`);
    return filesBelow(root, found)
      .filter((file) => !/\.(map|a)$/.test(file))
      .map((file) => ({ from: join(found, file), to: join(to, file) }));
  });
  const fromPackages = packageFolders(root, lock, image.packages).flatMap((folder) =>
    filesBelow(root, folder)
      .filter((file) => !file.startsWith('node_modules/') && isNeeded(folder, file))
      .map((file) => ({ from: join(folder, file), to: join(folder, file) })),
  );
  return [...fromSources, ...fromPackages].sort((a, b) => (a.to < b.to ? -1 : 1));
}

function isNeeded(folder: string, file: string): boolean {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return !NOT_NEEDED.some((pattern) => pattern.test(`${name}/${file}`));
}

/** Files of a folder, with everything below it; of a file, the empty path. */
function filesBelow(root: string, path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [''];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, path).length + 1));
}

/** SHA-256 over names, modes and contents of the context and over further values: equal keys make equal images. */
export function keyOf(root: string, entries: readonly Entry[], values: readonly string[]): string {
  const hash = createHash('sha256');
  for (const value of values) hash.update(`value ${JSON.stringify(value)}\n`);
  for (const { from, to } of entries) {
    const content = readFileSync(join(root, from));
    hash.update(`file ${JSON.stringify(to)} ${modeOf(join(root, from))} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * Copies the context to `target`. Modes and times are fixed, so that the layers are equal on every machine.
 */
export function stage(root: string, entries: readonly Entry[], target: string): void {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const { from, to } of entries) {
    const path = join(target, to);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(root, from), path);
    chmodSync(path, modeOf(join(root, from)));
  }
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    lutimesSync(path, 0, 0);
  }
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o100 ? 0o755 : 0o644;
}
