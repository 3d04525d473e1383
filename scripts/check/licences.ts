import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckItem } from './item.ts';

/** SPDX ids whose terms a distributed service meets by naming them. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** Packages beyond the list, each with the reason why it is allowed. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  // libvips as prebuilt library files, linked at run time and not changed: the LGPL asks for no more.
  '@img/sharp-': 'LGPL-3.0-or-later',
};

interface LockedPackage {
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

/** Packages that ship: all but devDependencies. */
export const licenceItem: CheckItem = {
  name: 'licences of production dependencies',
  run: async ({ root }) => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    const packages = Object.entries(lock.packages as Record<string, LockedPackage>);
    return packages
      .filter(([path, { dev, link }]) => path.includes('node_modules/') && !dev && !link)
      .flatMap(([path, { license }]) => problemOf(nameOf(path), licenceIn(root, path) ?? license));
  },
};

/** @returns nothing, or one line about a licence that needs a decision */
export function problemOf(name: string, licence: string | undefined): readonly string[] {
  if (licence !== undefined && isAllowed(licence)) return [];
  const exception = Object.entries(EXCEPTIONS).find(([prefix]) => name.startsWith(prefix))?.[1];
  if (exception !== undefined && licence?.split(' AND ').every((id) => id === exception || isAllowed(id)))
    return [];
  return [
    `${name}: ${licence ?? 'no licence'} is not on the list; replace it, or decide in scripts/check/licences.ts`,
  ];
}

/** An SPDX expression of ids: each part of an AND must be allowed, one part of an OR. */
export function isAllowed(expression: string): boolean {
  const flat = expression.replaceAll(/[()]/g, '');
  return flat.split(' OR ').some((choice) => choice.split(' AND ').every((id) => ALLOWED.has(id.trim())));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** The package's own statement; undefined when it is not installed, such as a build for another platform. */
function licenceIn(root: string, path: string): string | undefined {
  const file = join(root, path, 'package.json');
  if (!existsSync(file)) return undefined;
  const { license } = JSON.parse(readFileSync(file, 'utf8')) as { license?: string | { type?: string } };
  return typeof license === 'object' ? license.type : license;
}
