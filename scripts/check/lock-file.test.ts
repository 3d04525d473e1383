import { expect, it } from 'vitest';
import { missingPackages } from './lock-file.ts';

it('finds builds for other platforms that the lock file names but does not list', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/tool': { optionalDependencies: { 'tool-linux': '1.0.0', 'tool-darwin': '1.0.0' } },
      'node_modules/tool-linux': {},
    },
  };
  expect(missingPackages(lock)).toEqual(['tool-darwin@1.0.0']);
});

it('finds a listed package wherever Node would', () => {
  const lock = {
    packages: {
      'node_modules/a/node_modules/tool': { optionalDependencies: { x: '1', y: '1', z: '1' } },
      'node_modules/x': {},
      'node_modules/a/node_modules/y': {},
      'node_modules/a/node_modules/tool/node_modules/z': {},
    },
  };
  expect(missingPackages(lock)).toEqual([]);
});
