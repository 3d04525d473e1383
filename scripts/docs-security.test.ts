import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const text = read('docs/security.md');

/** Files in backticks that are tests, with the name of one of theirs in quotes behind some. */
function testsIn(page: string): [file: string, name: string | undefined][] {
  const named = /`([\w./-]+(?:\.test\.ts|test_\w+\.py))`(?:\s+“([^”]+)”)?/g;
  return [...page.matchAll(named)].map(([, file, name]) => [file as string, name]);
}

describe.each(['docs/security.md', 'docs/secrets.md'])('%s', (page) => {
  const tests = testsIn(read(page));

  it.each([...new Set(tests.map(([file]) => file))])('names a test that is there: %s', (file) => {
    expect(existsSync(join(ROOT, file))).toBe(true);
  });

  it.each(tests.filter(([, name]) => name !== undefined))('has the names of %s right: %s', (file, name) => {
    expect(read(file)).toContain((name as string).replace(/\s+/g, ' '));
  });
});

describe('docs/security.md', () => {
  it.each(Array.from({ length: 10 }, (_, i) => `API${i + 1}`))('shows a test for %s', (risk) => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${risk} `));
    expect(row).toMatch(/`[\w./-]+(?:\.test\.ts|\.py)` “/);
  });
});
