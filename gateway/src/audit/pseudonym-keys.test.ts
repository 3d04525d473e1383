import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentialKeyFile } from '@headgate/contracts/audit/pseudonym';
import { expect, it } from 'vitest';
import { manualClock, tempDir } from '../testing/spool.ts';
import { filePseudonymKeys } from './pseudonym-keys.ts';

const DAY_MS = 86_400_000;

function testKeys(dir = tempDir()) {
  const clock = manualClock();
  return { keys: filePseudonymKeys({ dir, clock, addressDays: 2 }), clock, dir };
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

it('still names nobody where no key can be kept', () => {
  const dir = join(tempDir(), 'file');
  writeFileSync(dir, '');
  const { keys } = testKeys(dir);
  expect(keys.credential('alice')).toMatch(/^[0-9a-f]{32}$/);
  expect(testKeys(dir).keys.credential('alice')).not.toBe(keys.credential('alice'));
});
