import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '@headgate/runtime/clock';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { expect, it } from 'vitest';
import { destroyKeys, openPseudonyms, pseudonymsOf } from './pseudonyms.ts';

const ALICE = 'oidc_alice';

async function testNames(dir = tempDir(), clock = new ManualClock()) {
  const failures: unknown[] = [];
  const options = { dir, clock, addressDays: 2, credentialDays: 5 };
  const names = await openPseudonyms(options, (error) => failures.push(error));
  const named = (id: string) => names.credential(id, clock.epochMs());
  return { ...names, named, clock, dir, failures };
}

it('gives a credential the same name after a restart, and no two the same', async () => {
  const { named, dir } = await testNames();
  const name = named(ALICE);
  expect(name).toMatch(/^[0-9a-f]{32}$/);
  expect(named('oidc_bob')).not.toBe(name);
  expect(named('cert:alice')).not.toBe(name);
  expect((await testNames(dir)).named(ALICE)).toBe(name);
  expect((await testNames()).named(ALICE)).not.toBe(name);
});

it('leaves the id of an API key, and operators, as they are', async () => {
  const { named } = await testNames();
  expect(named('alice001')).toBe('key:alice001');
  expect(named('user:alice')).toBe('user:alice');
  expect(named('manager:kubectl-edit')).toBe('manager:kubectl-edit');
});

it('gives processes that start at once the same keys', async () => {
  const dir = tempDir();
  const all = await Promise.all(Array.from({ length: 8 }, () => testNames(dir)));
  expect(new Set(all.map(({ named }) => named(ALICE))).size).toBe(1);
  expect(readdirSync(dir).filter((name) => !name.endsWith('.key'))).toEqual([]);
});

it('gives names that can be looked up from the first moment of a day on', async () => {
  const { named, clock, dir } = await testNames();
  clock.advance(DAY_MS);
  const who = named(ALICE);
  expect(await pseudonymsOf(ALICE, dir)).toContainEqual({ day: '2023-11-15', who });
});

it('gives a call that began yesterday its name of yesterday', async () => {
  const { credential, tend, clock, dir } = await testNames();
  const startedMs = clock.epochMs();
  clock.advance(DAY_MS);
  await tend();
  const who = credential(ALICE, startedMs);
  expect(await pseudonymsOf(ALICE, dir)).toContainEqual({ day: '2023-11-14', who });
});

it('gives everybody another name every day, and destroys the keys beyond their retention', async () => {
  const { named, address, tend, clock, dir } = await testNames();
  const names = new Set<string>();
  for (let day = 0; day < 9; day++) {
    names.add(named(ALICE)).add(address('192.0.2.1', clock.epochMs()));
    clock.advance(DAY_MS);
    await tend();
  }
  expect(names.size).toBe(18);
  const kept = (purpose: string) => readdirSync(dir).filter((name) => name.startsWith(purpose));
  // So many days in full, the one that was not over, today, and tomorrow.
  expect(kept('address')).toHaveLength(4);
  expect(kept('token')).toHaveLength(7);
  expect(await pseudonymsOf(ALICE, dir)).toHaveLength(7);
});

it('unties erased names from those before and after, while the process runs, and leaves other kinds', async () => {
  const { named, tend, clock, dir } = await testNames();
  const [alice, cert] = [named(ALICE), named('cert:alice')];
  expect(await destroyKeys('token', dir)).toBe(2);
  expect(await pseudonymsOf(ALICE, dir)).toEqual([]);
  await tend();
  expect(named(ALICE)).not.toBe(alice);
  expect((await pseudonymsOf(ALICE, dir)).map(({ who }) => who)).not.toContain(alice);
  expect(named('cert:alice')).toBe(cert);
  clock.advance(DAY_MS);
  expect(named(ALICE)).not.toBe(alice);
});

it('still names nobody where no key can be kept, and says so', async () => {
  const dir = join(tempDir(), 'file');
  writeFileSync(dir, '');
  const { named, failures } = await testNames(dir);
  expect(named(ALICE)).toMatch(/^[0-9a-f]{32}$/);
  expect(named(ALICE)).toBe(named(ALICE));
  expect((await testNames(dir)).named(ALICE)).not.toBe(named(ALICE));
  expect(failures).toHaveLength(1);
});

it('fails where an old key cannot be removed, and tries again', async () => {
  const { tend, clock, dir } = await testNames();
  const stuck = join(dir, 'token-2000-01-01.key');
  mkdirSync(join(stuck, 'more'), { recursive: true });
  clock.advance(DAY_MS);
  await expect(tend()).rejects.toThrow();
  rmSync(stuck, { recursive: true });
  await tend();
});
