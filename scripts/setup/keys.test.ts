import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { keyFileSchema, keyIdOf } from '@headgate/contracts/keys';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { makeDevKeys, readDevKeys } from './keys.ts';

const recordsOf = (root: string) =>
  keyFileSchema.parse(parse(readFileSync(join(root, 'state/keys.yaml'), 'utf8'))).keys;

it('makes three keys whose hashes are stored, never the keys', () => {
  const root = tempDir();
  const keys = makeDevKeys(root);
  expect(keys).toEqual(readDevKeys(root));
  const records = recordsOf(root);
  expect(records.map(({ role, tier }) => `${role} ${tier}`)).toEqual([
    'client default',
    'client bench',
    'admin bench',
  ]);
  for (const [index, key] of [keys?.client, keys?.bench, keys?.admin].entries()) {
    expect(keyIdOf(key ?? '')).toBe(records[index]?.id);
    expect(records[index]?.sha256).toBe(
      createHash('sha256')
        .update(key ?? '')
        .digest('hex'),
    );
    expect(readFileSync(join(root, 'state/keys.yaml'), 'utf8')).not.toContain(key);
  }
});

it('lets only this user read them', () => {
  const root = tempDir();
  makeDevKeys(root);
  expect(statSync(join(root, 'state/dev-keys.json')).mode & 0o777).toBe(0o600);
  expect(statSync(join(root, 'state/keys.yaml')).mode & 0o777).toBe(0o600);
});

it('keeps keys that are in place', () => {
  const root = tempDir();
  const made = makeDevKeys(root);
  expect(makeDevKeys(root)).toBeUndefined();
  expect(readDevKeys(root)).toEqual(made);
});

it('replaces its own records only, when the plain keys are lost', () => {
  const other = { id: 'ops1', sha256: 'a'.repeat(64), name: 'operations', role: 'admin', tier: 'default' };
  const root = tempDir({ 'state/keys.yaml': stringify({ keys: [other] }) });
  const first = makeDevKeys(root);
  rmSync(join(root, 'state/dev-keys.json'));
  const second = makeDevKeys(root);
  expect(second?.client).not.toBe(first?.client);
  expect(recordsOf(root)).toHaveLength(4);
  expect(recordsOf(root)[0]).toEqual(other);
});

it('does not overwrite a key file that it cannot read', () => {
  const root = tempDir({ 'state/keys.yaml': 'keys: [{ id: 1 }]' });
  expect(() => makeDevKeys(root)).toThrow();
  expect(readFileSync(join(root, 'state/keys.yaml'), 'utf8')).toBe('keys: [{ id: 1 }]');
});
