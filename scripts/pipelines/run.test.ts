import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { settingsOf } from './run.ts';

const KEYS = { 'state/dev-keys.json': '{"client": "c", "bench": "b", "admin": "hg_admin"}' };

it('gives commands the development key in a file that only its owner reads', () => {
  const root = tempDir(KEYS);
  const { HEADGATE_PIPELINES_ADMIN_KEY_FILE: file = '' } = settingsOf(root, {});
  expect(readFileSync(file, 'utf8')).toBe('hg_admin');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('writes the key file again only when the key is another one, since other commands read it', () => {
  const root = tempDir(KEYS);
  const { HEADGATE_PIPELINES_ADMIN_KEY_FILE: file = '' } = settingsOf(root, {});
  utimesSync(file, 0, 0);
  settingsOf(root, {});
  expect(statSync(file).mtimeMs).toBe(0);
  writeFileSync(file, 'hg_old');
  settingsOf(root, {});
  expect(readFileSync(file, 'utf8')).toBe('hg_admin');
});

it.each(['HEADGATE_PIPELINES_CONTROL_URL', 'HEADGATE_PIPELINES_GATEWAY_URL'])(
  'sends no development key to a service that the caller names: %s',
  (name) => expect(settingsOf(tempDir(KEYS), { [name]: 'https://production.test' })).toEqual({}),
);

it('names the addresses of a service that started with another port base', () => {
  const root = tempDir(KEYS);
  expect(settingsOf(root, { HEADGATE_LISTEN__PORT_BASE: '9440' })).toMatchObject({
    HEADGATE_PIPELINES_CONTROL_URL: 'http://127.0.0.1:9447',
    HEADGATE_PIPELINES_GATEWAY_URL: 'https://localhost:9443',
  });
});

it('sets nothing where there are no development keys', () => {
  expect(settingsOf(tempDir(), {})).toEqual({});
});
