import { expect, it } from 'vitest';
import { consoleProblems } from './console-size.ts';

it('accepts a small console', () => {
  expect(consoleProblems(150_000, ['node_modules/preact/dist/preact.mjs'])).toEqual([]);
});

it('names what makes it large', () => {
  expect(consoleProblems(150_001, ['node_modules/zod/v4/core/api.js', 'node_modules/zod/index.js'])).toEqual([
    'the console contains node_modules/zod/v4/core/api.js; import types only from the contracts',
    'the console has 150001 bytes (gzip); at most 150000 are allowed',
  ]);
});
