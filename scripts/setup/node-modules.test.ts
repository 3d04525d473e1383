import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { isInstalled, npmCommand, PINNED_NODE } from './node-modules.mjs';

const lock = (packages: object) => JSON.stringify({ packages });

const LINK = 'node_modules/@headgate/gateway';

function checkout(
  installed: object,
  files: Readonly<Record<string, string>> = { [`${LINK}/file`]: '' },
): string {
  return tempDir({
    ...files,
    'package-lock.json': lock({
      '': { name: 'root' },
      gateway: { version: '0.1.0' },
      [LINK]: { resolved: 'gateway', link: true },
      'node_modules/hono': { version: '4.0.0' },
      'node_modules/only-on-windows': { version: '1.0.0', optional: true },
    }),
    'node_modules/.package-lock.json': lock({ [LINK]: { link: true }, ...installed }),
    [PINNED_NODE]: '',
  });
}

it('takes packages for installed that fit the lock file, whoever installed them', () => {
  expect(isInstalled(checkout({ 'node_modules/hono': { version: '4.0.0' } }))).toBe(true);
});

it.each([
  ['another version', { 'node_modules/hono': { version: '3.0.0' } }],
  ['a missing package', {}],
  [
    'another version of an optional one',
    { 'node_modules/hono': { version: '4.0.0' }, 'node_modules/only-on-windows': { version: '2.0.0' } },
  ],
])('notices %s', (_, installed) => {
  expect(isInstalled(checkout(installed))).toBe(false);
});

it('notices a workspace that is new, or whose link is gone', () => {
  const hono = { 'node_modules/hono': { version: '4.0.0' } };
  expect(isInstalled(checkout(hono, {}))).toBe(false);
  expect(isInstalled(checkout({ ...hono, [LINK]: undefined }))).toBe(false);
});

it('notices a missing Node binary and an unreadable list', () => {
  const root = tempDir({ 'package-lock.json': lock({}), 'node_modules/.package-lock.json': lock({}) });
  expect(isInstalled(root)).toBe(false);
  writeText(join(root, PINNED_NODE), '');
  expect(isInstalled(root)).toBe(true);
  writeText(join(root, 'node_modules/.package-lock.json'), '{');
  expect(isInstalled(root)).toBe(false);
});

it('uses the npm that runs it, else the one on PATH', () => {
  expect(npmCommand('/usr/lib/node_modules/npm/bin/npm-cli.js')).toEqual([
    process.execPath,
    '/usr/lib/node_modules/npm/bin/npm-cli.js',
  ]);
  expect(npmCommand('/usr/bin/pnpm.cjs')).toEqual(['npm']);
  expect(npmCommand(undefined)).toEqual(['npm']);
});
