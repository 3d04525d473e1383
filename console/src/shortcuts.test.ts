import { expect, it } from 'vitest';
import { shortcutReader } from './shortcuts.ts';

it('goes to a page by two keys', () => {
  const read = shortcutReader();
  expect(read('g', 0)).toBeUndefined();
  expect(read('w', 1000)).toEqual({ kind: 'page', key: 'w' });
  expect(read('w', 1100)).toBeUndefined();
});

it('forgets the first key after a pause', () => {
  const read = shortcutReader();
  read('g', 0);
  expect(read('t', 1600)).toEqual({ kind: 'theme' });
});

it('reads g twice as the page g, not as a new beginning', () => {
  const read = shortcutReader();
  read('g', 0);
  expect(read('g', 100)).toEqual({ kind: 'page', key: 'g' });
  expect(read('l', 200)).toBeUndefined();
});

it('knows no key by the name of a member of objects', () => {
  expect(shortcutReader()('constructor', 0)).toBeUndefined();
});
