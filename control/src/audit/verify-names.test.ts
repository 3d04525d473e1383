import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '@headgate/runtime/clock';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, expect, it } from 'vitest';
import { lostNames } from './verify-names.ts';

const NOW_MS = Date.parse('2030-03-01T12:00:00Z');
const dayOf = (date: string) => Date.parse(date) / DAY_MS;
const DAYS = new Set(['2030-02-26', '2030-02-27', '2030-03-01'].map(dayOf));

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

const makeKeys = (kinds: readonly string[], days: readonly string[]) => {
  for (const kind of kinds) for (const day of days) writeFileSync(join(dir, `${kind}-${day}.key`), 'key');
};
const lost = (forgotten: ReadonlyMap<string, number> = new Map(), nowMs = NOW_MS) =>
  lostNames([{ days: DAYS, forgotten }], { dir, addressDays: 30, credentialDays: 400 }, nowMs);

it('names the days of each kind whose keys are gone before their time', async () => {
  makeKeys(['address', 'token', 'service'], ['2030-02-26', '2030-02-27', '2030-03-01']);
  expect(await lost()).toEqual([]);
  dir = tempDir();
  makeKeys(['address', 'token'], ['2030-02-26', '2030-02-27', '2030-03-01']);
  makeKeys(['service'], ['2030-02-27']);
  expect(await lost()).toEqual([
    'names (service) of 2030-02-26, 2030-03-01: their keys are gone before their time',
  ]);
});

it('misses no key beyond its retention', async () => {
  expect((await lost(new Map(), NOW_MS + 31 * DAY_MS)).map((text) => text.slice(0, 13))).toEqual([
    'names (token)',
    'names (servic',
  ]);
  expect(await lost(new Map(), NOW_MS + 401 * DAY_MS)).toEqual([]);
});

it('misses no key that a log says was destroyed, but those of later days', async () => {
  makeKeys(['address', 'service'], ['2030-02-26', '2030-02-27', '2030-03-01']);
  expect(await lost(new Map([['token', NOW_MS]]))).toEqual([]);
  const earlier = new Map([['token', Date.parse('2030-02-26T12:00:00Z')]]);
  expect(await lost(earlier)).toEqual(['names (token) of 2030-03-01: their keys are gone before their time']);
});

it('passes over times that no clock tells', async () => {
  const days = new Set([Number.POSITIVE_INFINITY, 1e300, -1e300, Number.NaN]);
  const names = { dir, addressDays: 30, credentialDays: 400 };
  expect(await lostNames([{ days, forgotten: new Map() }], names, NOW_MS)).toEqual([]);
});
