import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '@headgate/runtime/clock';
import { expect, it } from 'vitest';
import { manualClock, tempDir } from '../testing/spool.ts';
import { credentialKeyFile } from './pseudonym.ts';
import { openPseudonymKeys } from './pseudonym-keys.ts';

const { signal } = new AbortController();

async function testKeys(dir = tempDir(), clock = manualClock()) {
  const options = { dir, clock, addressDays: 2, credentialDays: 5, maxCredentials: 3 };
  return { keys: await openPseudonymKeys(options), clock, dir };
}

it('gives a credential the same name after a restart, and no two the same', async () => {
  const { keys, dir } = await testKeys();
  const name = keys.credential('alice');
  expect(keys.credential('bob')).not.toBe(name);
  expect((await testKeys(dir)).keys.credential('alice')).toBe(name);
  expect((await testKeys()).keys.credential('alice')).not.toBe(name);
});

it('gives an erased credential another name, within seconds and without a restart', async () => {
  const { keys, clock, dir } = await testKeys();
  const [alice, bob] = [keys.credential('alice'), keys.credential('bob')];
  rmSync(join(dir, credentialKeyFile('alice')));
  clock.advance(10_000);
  expect(keys.credential('alice')).not.toBe(alice);
  expect(keys.credential('bob')).toBe(bob);
});

it('gives addresses another name every day, and destroys the keys of days that are over long enough', async () => {
  const { keys, clock, dir } = await testKeys();
  const names = new Set<string>();
  for (let day = 0; day < 6; day++) {
    names.add(keys.address('192.0.2.1', clock.epochMs()));
    await keys.tend(signal);
    clock.advance(DAY_MS);
  }
  expect(names.size).toBe(6);
  // Two days in full, the one that was not over, and today.
  expect(readdirSync(dir)).toHaveLength(3);
});

it('destroys the key of a credential that nobody used for long, and of no other', async () => {
  const { keys, clock, dir } = await testKeys();
  const [alice, bob] = [keys.credential('alice'), keys.credential('bob')];
  for (let day = 0; day < 7; day++) {
    clock.advance(DAY_MS);
    await keys.tend(signal);
    expect(keys.credential('alice')).toBe(alice);
  }
  expect(readdirSync(dir)).toEqual([credentialKeyFile('alice')]);
  expect(keys.credential('bob')).not.toBe(bob);
});

it('gives no more than so many credentials a key of their own, and the others one a day', async () => {
  const { keys, clock, dir } = await testKeys();
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const names = ids.map(keys.credential);
  expect(new Set(names).size).toBe(6);
  expect(readdirSync(dir)).toHaveLength(4);
  // After a restart too, and to the same end.
  expect(ids.map((await testKeys(dir, clock)).keys.credential)).toEqual(names);
  clock.advance(DAY_MS);
  await keys.tend(signal);
  const next = ids.map(keys.credential);
  expect(next.slice(0, 3)).toEqual(names.slice(0, 3));
  for (const i of [3, 4, 5]) expect(next[i]).not.toBe(names[i]);
  clock.advance(2 * DAY_MS);
  await keys.tend(signal);
  for (const id of ids.slice(0, 3)) keys.credential(id);
  expect(readdirSync(dir).filter((name) => name.startsWith('shared-'))).toHaveLength(1);
});

it('still names nobody where no key can be kept', async () => {
  const dir = join(tempDir(), 'file');
  writeFileSync(dir, '');
  const { keys } = await testKeys(dir);
  expect(keys.credential('alice')).toMatch(/^[0-9a-f]{32}$/);
  expect((await testKeys(dir)).keys.credential('alice')).not.toBe(keys.credential('alice'));
});

it('leaves the event loop to others while it looks through many keys', async () => {
  const { keys, clock, dir } = await testKeys();
  const files = Array.from({ length: 300 }, (_, i) => credentialKeyFile(`id-${i}`));
  for (const name of files) {
    writeFileSync(join(dir, name), '');
    utimesSync(join(dir, name), 1, 1);
  }
  clock.advance(DAY_MS);
  let isTending = true;
  const tended = keys.tend(signal).finally(() => {
    isTending = false;
  });
  let turns = 0;
  while (isTending) {
    await new Promise(setImmediate);
    turns += 1;
  }
  await tended;
  expect(readdirSync(dir)).toEqual([]);
  expect(turns).toBeGreaterThan(10);
});

it('looks through the keys once at a time and once a day, and stops when it is told to', async () => {
  const { keys, clock, dir } = await testKeys();
  keys.address('192.0.2.1', clock.epochMs());
  clock.advance(9 * DAY_MS);
  await keys.tend(AbortSignal.abort());
  expect(readdirSync(dir)).toHaveLength(1);
  const tended = keys.tend(signal);
  expect(keys.tend(signal)).toBe(tended);
  await tended;
  expect(readdirSync(dir)).toEqual([]);
  keys.address('192.0.2.1', clock.epochMs() - 8 * DAY_MS);
  await keys.tend(signal);
  expect(readdirSync(dir)).toHaveLength(1);
});

it('keeps to the bound of credentials with a key of their own though one comes while it counts', async () => {
  const { keys, clock, dir } = await testKeys();
  for (const id of ['a', 'b']) keys.credential(id);
  clock.advance(DAY_MS);
  const tended = keys.tend(signal);
  keys.credential('c');
  await tended;
  for (const id of ['d', 'e']) keys.credential(id);
  expect(readdirSync(dir).filter((name) => !name.startsWith('shared-'))).toHaveLength(3);
});

it('destroys the other keys where one cannot be removed, and fails', async () => {
  const { keys, clock, dir } = await testKeys();
  const stuck = credentialKeyFile('stuck');
  mkdirSync(join(dir, stuck));
  utimesSync(join(dir, stuck), 1, 1);
  for (const id of ['a', 'b']) keys.credential(id);
  clock.advance(9 * DAY_MS);
  await expect(keys.tend(signal)).rejects.toThrow();
  expect(readdirSync(dir)).toEqual([stuck]);
});
