import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const HOME = 'inference/src';

interface Named {
  readonly file: string;
  readonly words: string;
}

/** Pairs of a file in backticks and words in quotes behind it; further words in quotes belong to the same file. */
function namedIn(text: string): Named[] {
  const named: Named[] = [];
  for (const line of text.split('\n').filter((one) => one.startsWith('|'))) {
    let file = '';
    for (const [, path, words] of line.matchAll(/`([\w./-]+(?:\.test\.ts|test_\w+\.py))`|"([^"]+)"/g)) {
      if (path !== undefined)
        file = /^(gateway|contracts)\//.test(path) || path.startsWith('test/') ? path : `${HOME}/${path}`;
      else if (words !== undefined) named.push({ file, words });
    }
  }
  return named;
}

const named = namedIn(readFileSync(join(ROOT, 'docs/promises.md'), 'utf8'));

it('finds the tests that docs/promises.md names', () => {
  expect(named.length).toBeGreaterThan(60);
});

it.each(named)('docs/promises.md names a test that is there: $file, "$words"', ({ file, words }) => {
  expect(readFileSync(join(ROOT, file), 'utf8')).toContain(words);
});
