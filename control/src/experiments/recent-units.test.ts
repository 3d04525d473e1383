import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, expect, it } from 'vitest';
import type { ReadRecords } from '../store/read-records.ts';
import { RecentUnits } from './recent-units.ts';

let clock: ManualClock;
let asked: number;
let answer: () => Promise<number>;
let units: RecentUnits;

beforeEach(() => {
  clock = new ManualClock();
  asked = 0;
  const query = async () => ({ rows: [{ units: await answer() }] });
  const readRecords: ReadRecords = (ask) => {
    asked += 1;
    return ask({ query } as never);
  };
  units = new RecentUnits(readRecords, clock);
});

it('are counted once a minute', async () => {
  answer = async () => 7;
  expect([await units.of('a'), await units.of('a'), asked]).toEqual([7, 7, 1]);
  answer = async () => 8;
  clock.advance(60_000);
  expect([await units.of('a'), asked]).toEqual([8, 2]);
});

it('are unknown after a second, and known once the store has counted, which it does once', async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  answer = () => promise;
  const first = units.of('a');
  clock.advance(1000);
  expect(await first).toBeNull();
  const second = units.of('a');
  resolve(9);
  expect([await second, await units.of('a'), asked]).toEqual([9, 9, 1]);
});

it('are unknown while the store is away, and asked for again', async () => {
  answer = () => Promise.reject(new Error('away'));
  expect(await units.of('a')).toBeNull();
  answer = async () => 3;
  expect([await units.of('a'), asked]).toEqual([3, 2]);
});
