import { readFileSync, statSync } from 'node:fs';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { settingsOf } from './run.ts';

it('gives commands the development key in a file that only its owner reads', () => {
  const root = tempDir({ 'state/dev-keys.json': '{"client": "c", "bench": "b", "admin": "hg_admin"}' });
  const { HEADGATE_PIPELINES_ADMIN_KEY_FILE: file = '' } = settingsOf(root);
  expect(readFileSync(file, 'utf8')).toBe('hg_admin');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('sets nothing where there are no development keys', () => {
  expect(settingsOf(tempDir())).toEqual({});
});
