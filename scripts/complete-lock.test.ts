import { expect, it } from 'vitest';
import { missingRows } from './complete-lock.mjs';

const tool = {
  dev: true,
  optionalDependencies: {
    '@tool/linux-x64': '1.0.0',
    '@tool/darwin-arm64': '1.0.0',
    'plain-helper': '1.0.0',
  },
};

it('adds the builds for other platforms that the lock file names but does not list', () => {
  const packages = { 'node_modules/tool': tool, 'node_modules/@tool/linux-x64': { version: '1.0.0' } };
  expect(missingRows({ packages })).toEqual({
    'node_modules/@tool/darwin-arm64': {
      version: '1.0.0',
      os: ['darwin'],
      cpu: ['arm64'],
      dev: true,
      optional: true,
    },
  });
});

it('adds nothing to a lock file that is complete', () => {
  const packages = {
    'node_modules/tool': tool,
    'node_modules/@tool/linux-x64': {},
    'node_modules/@tool/darwin-arm64': {},
  };
  expect(missingRows({ packages })).toEqual({});
});
