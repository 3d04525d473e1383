import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { digestOf, sizesOf } from './digest.mjs';

it('changes with names, contents and values, and not with tests or build results', () => {
  const root = tempDir({ 'src/a.ts': '1', 'src/b/c.ts': '2' });
  const digest = () => digestOf(root, ['src', 'absent'], ['v']);
  const first = digest();
  for (const ignored of ['src/a.test.ts', 'src/dist/a.js', 'src/node_modules/x.js', 'src/.hidden']) {
    writeText(join(root, ignored), 'x');
  }
  expect(digest()).toBe(first);
  expect(digestOf(root, ['src', 'absent'], ['w'])).not.toBe(first);
  writeText(join(root, 'src/b/c.ts'), '3');
  const second = digest();
  expect(second).not.toBe(first);
  writeText(join(root, 'absent'), '');
  expect(digest()).not.toBe(second);
});

it('does not confuse the end of one file with the beginning of the next', () => {
  const left = tempDir({ 'a.txt': 'xy', 'b.txt': 'z' });
  const right = tempDir({ 'a.txt': 'x', 'b.txt': 'yz' });
  expect(digestOf(left, ['a.txt', 'b.txt'])).not.toBe(digestOf(right, ['a.txt', 'b.txt']));
});

it('knows no sizes when one output is missing', () => {
  const root = tempDir({ 'a.txt': 'four' });
  expect(sizesOf(root, ['a.txt'])).toEqual({ 'a.txt': 4 });
  expect(sizesOf(root, ['a.txt', 'b.txt'])).toBeUndefined();
});
