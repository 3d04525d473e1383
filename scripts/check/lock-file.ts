import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckItem } from './item.ts';

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >;
}

/** Checks that `npm ci` works on every platform and with every registry. */
export const lockFileItems: readonly CheckItem[] = [
  {
    name: 'lock file names no host',
    run: async ({ root }) =>
      /"resolved": "https?:/.test(textOf(root))
        ? ['package-lock.json names a registry; run npm install again, .npmrc leaves the hosts out']
        : [],
  },
  {
    name: 'lock file knows every platform',
    run: async ({ root }) =>
      missingPackages(JSON.parse(textOf(root))).map(
        (name) =>
          `${name} is not listed, so npm ci refuses the file; a registry that lacks it wrote it: ` +
          'choose a version that is there for every platform',
      ),
  },
];

/** Optional dependencies that are named but not listed: builds of a tool for another platform. */
export function missingPackages({ packages }: LockFile): string[] {
  return Object.entries(packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !placesOf(path, name).some((place) => Object.hasOwn(packages, place)))
      .map(([name, version]) => `${name}@${version}`),
  );
}

/** Where Node looks for `name` from the package at `path`: beside it first, then in every folder above. */
function placesOf(path: string, name: string): string[] {
  const folders = path.split('/node_modules/');
  const above = folders.map((_, index) => folders.slice(0, index + 1).join('/node_modules/'));
  return [`node_modules/${name}`, ...above.map((folder) => `${folder}/node_modules/${name}`)];
}

function textOf(root: string): string {
  return readFileSync(join(root, 'package-lock.json'), 'utf8');
}
