import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { manualClock, tempDir } from '../testing/spool.ts';
import { credentialKeyFile } from './pseudonym.ts';
import { filePseudonymKeys } from './pseudonym-keys.ts';

const DAY_MS = 86_400_000;

function testKeys(dir = tempDir(), clock = manualClock()) {
  const options = { dir, clock, addressDays: 2, credentialDays: 5, maxCredentials: 3 };
  return { keys: filePseudonymKeys(options), clock, dir };
}

it('gives a credential the same name after a restart, and no two the same', () => {
  const { keys, dir } = testKeys();
  const name = keys.credential('alice');
  expect(keys.credential('bob')).not.toBe(name);
  expect(testKeys(dir).keys.credential('alice')).toBe(name);
  expect(testKeys().keys.credential('alice')).not.toBe(name);
});

it('gives an erased credential another name, within seconds and without a restart', () => {
  const { keys, clock, dir } = testKeys();
  const [alice, bob] = [keys.credential('alice'), keys.credential('bob')];
  rmSync(join(dir, credentialKeyFile('alice')));
  clock.advance(10_000);
  expect(keys.credential('alice')).not.toBe(alice);
  expect(keys.credential('bob')).toBe(bob);
});

it('gives addresses another name every day, and destroys the keys of days that are over long enough', () => {
  const { keys, clock, dir } = testKeys();
  const names = new Set<string>();
  for (let day = 0; day < 6; day++) {
    names.add(keys.address('192.0.2.1', clock.epochMs()));
    clock.advance(DAY_MS);
  }
  expect(names.size).toBe(6);
  // Two days in full, the one that was not over, and today.
  expect(readdirSync(dir)).toHaveLength(3);
});

it('destroys the key of a credential that nobody used for long, and of no other', () => {
  const { keys, clock, dir } = testKeys();
  const [alice, bob] = [keys.credential('alice'), keys.credential('bob')];
  for (let day = 0; day < 7; day++) {
    clock.advance(DAY_MS);
    expect(keys.credential('alice')).toBe(alice);
  }
  expect(readdirSync(dir)).toEqual([credentialKeyFile('alice')]);
  expect(keys.credential('bob')).not.toBe(bob);
});

it('gives no more than so many credentials a key of their own, and the others one a day', () => {
  const { keys, clock, dir } = testKeys();
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const names = ids.map(keys.credential);
  expect(new Set(names).size).toBe(6);
  expect(readdirSync(dir)).toHaveLength(4);
  // After a restart too, and to the same end.
  expect(ids.map(testKeys(dir, clock).keys.credential)).toEqual(names);
  clock.advance(DAY_MS);
  const next = ids.map(keys.credential);
  expect(next.slice(0, 3)).toEqual(names.slice(0, 3));
  for (const i of [3, 4, 5]) expect(next[i]).not.toBe(names[i]);
  clock.advance(2 * DAY_MS);
  for (const id of ids.slice(0, 3)) keys.credential(id);
  expect(readdirSync(dir).filter((name) => name.startsWith('shared-'))).toHaveLength(1);
});

it('still names nobody where no key can be kept', () => {
  const dir = join(tempDir(), 'file');
  writeFileSync(dir, '');
  const { keys } = testKeys(dir);
  expect(keys.credential('alice')).toMatch(/^[0-9a-f]{32}$/);
  expect(testKeys(dir).keys.credential('alice')).not.toBe(keys.credential('alice'));
});
