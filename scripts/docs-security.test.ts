import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const text = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
/** Files in backticks that are tests. */
const named = [...text.matchAll(/`([\w./-]+(?:\.test\.ts|test_\w+\.py))`/g)].map(
  ([, file]) => file as string,
);

describe('docs/security.md', () => {
  it.each([...new Set(named)])('names a test that is there: %s', (file) => {
    expect(existsSync(join(ROOT, file))).toBe(true);
  });

  it.each(Array.from({ length: 10 }, (_, i) => `API${i + 1}`))('shows a test for %s', (risk) => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${risk} `));
    expect(row).toMatch(/`[\w./-]+(?:\.test\.ts|\.py)`/);
  });
});
