import { readFileSync, statSync } from 'node:fs';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { settingsOf } from './run.ts';

it('gives commands the development key in a file that only its owner reads', () => {
  const root = tempDir({ 'state/dev-keys.json': '{"client": "c", "bench": "b", "admin": "hg_admin"}' });
  const { HEADGATE_PIPELINES_ADMIN_KEY_FILE: file = '' } = settingsOf(root, {});
  expect(readFileSync(file, 'utf8')).toBe('hg_admin');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('names the addresses of a service that started with another port base', () => {
  const root = tempDir({ 'state/dev-keys.json': '{"client": "c", "bench": "b", "admin": "hg_admin"}' });
  expect(settingsOf(root, { HEADGATE_LISTEN__PORT_BASE: '9440' })).toMatchObject({
    HEADGATE_PIPELINES_CONTROL_URL: 'http://127.0.0.1:9447',
    HEADGATE_PIPELINES_GATEWAY_URL: 'https://localhost:9443',
  });
});

it('sets nothing where there are no development keys', () => {
  expect(settingsOf(tempDir(), {})).toEqual({});
});
