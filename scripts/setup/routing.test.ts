import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { ROOT } from './bootstrap.mjs';
import { defaultModelOf, seedRouting } from './routing.ts';

it('copies the seed once and never touches the copy again', () => {
  const file = join(tempDir(), 'deep/routing.yaml');
  seedRouting(ROOT, 'full', file);
  expect(readFileSync(file, 'utf8')).toBe(readFileSync(join(ROOT, 'config/routing.yaml'), 'utf8'));
  writeText(file, 'edited');
  seedRouting(ROOT, 'fallback', file);
  expect(readFileSync(file, 'utf8')).toBe('edited');
});

it('names the default model of each seed', () => {
  const dir = tempDir();
  seedRouting(ROOT, 'full', join(dir, 'full.yaml'));
  seedRouting(ROOT, 'fallback', join(dir, 'fallback.yaml'));
  expect(defaultModelOf(dir, 'full.yaml')).toBe('efficientnet-lite0');
  expect(defaultModelOf(dir, 'fallback.yaml')).toBe('digits');
});

it('names file and remedy of a table that is not valid', () => {
  const dir = tempDir({ 'routing.yaml': 'schema: 7' });
  expect(() => defaultModelOf(dir, 'routing.yaml')).toThrow(
    /routing\.yaml is not a valid routing table; correct it/,
  );
});
