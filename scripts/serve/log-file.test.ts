import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { boundLog, startLog, tailOf } from './log-file.ts';

it('keeps the log of the run before', () => {
  const path = join(tempDir(), 'logs/a.log');
  startLog(path);
  writeText(path, 'first run\n');
  startLog(path);
  expect(readFileSync(path, 'utf8')).toBe('');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('first run\n');
});

it('keeps logs from other users of the machine, also those of an earlier version', () => {
  const dir = join(tempDir(), 'logs');
  mkdirSync(dir);
  chmodSync(dir, 0o755);
  startLog(join(dir, 'a.log'));
  expect([dir, join(dir, 'a.log')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600]);
});

it('moves a log away that grew too large, and leaves a small one alone', () => {
  const path = join(tempDir({ 'a.log': '0123456789' }), 'a.log');
  boundLog(path, 10);
  expect(readFileSync(path, 'utf8')).toBe('0123456789');
  boundLog(path, 9);
  expect(readFileSync(path, 'utf8')).toBe('');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('0123456789');
});

it('shows the last lines, also of a long log or none', () => {
  const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
  const path = join(tempDir({ 'a.log': `${lines.join('\n')}\n` }), 'a.log');
  expect(tailOf(path, 2)).toEqual(['line 4998', 'line 4999']);
  expect(tailOf(`${path}.absent`, 2)).toEqual([]);
});
