import { expect, it } from 'vitest';
import { cacheDir } from './cache.ts';

it('keeps what later clones need where the user wants it', () => {
  expect(cacheDir({ HEADGATE_CACHE_DIR: '/cache' })).toBe('/cache');
  expect(cacheDir({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/headgate');
});
