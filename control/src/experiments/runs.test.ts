import type { Epoch } from '@headgate/stores/records/epochs';
import { expect, it } from 'vitest';
import { chooseRun, runsOf } from './runs.ts';

const epoch = (from_ms: number, experiment: string, versions: readonly string[], salt = 's'): Epoch => ({
  experiment,
  from_ms,
  salt,
  variants: versions.map((version, index) => ({ name: `v${index}`, version, weight: 50 })),
});

const shown = (epochs: readonly Epoch[]) =>
  runsOf(epochs).map((run) => [run.experiment, run.startedAtMs, run.endedAtMs, run.epochs.length]);

it('makes one run of epochs that differ in their weights only', () => {
  expect(shown([epoch(1, 'a', ['1', '2']), epoch(2, 'a', ['1', '2'])])).toEqual([['a', 1, null, 2]]);
});

it('begins another run with another version, salt or name, and goes on with one that comes back', () => {
  const epochs = [
    epoch(1, 'a', ['1', '2']),
    epoch(2, 'a', ['1', '3']),
    epoch(3, 'a', ['1', '3'], 'other'),
    epoch(4, 'b', ['1', '3']),
    epoch(5, 'a', ['1', '3'], 'other'),
  ];
  expect(shown(epochs)).toEqual([
    ['a', 3, null, 2],
    ['b', 4, 5, 1],
    ['a', 2, 3, 1],
    ['a', 1, 2, 1],
  ]);
});

it('chooses by time, or the newest of a name that compares something', () => {
  const runs = runsOf([epoch(1, 'a', ['1', '2']), epoch(5, 'a', ['2']), epoch(9, 'b', ['2'])]);
  const chosen = (experiment?: string, atMs?: number) => chooseRun(runs, { experiment, atMs })?.startedAtMs;
  expect([chosen('a'), chosen('b'), chosen('c')]).toEqual([1, 9, undefined]);
  expect([0, 1, 4, 5, 8, 9, 99].map((atMs) => chosen(undefined, atMs))).toEqual([
    undefined,
    1,
    1,
    5,
    5,
    9,
    9,
  ]);
  expect([chosen('a', 6), chosen('b', 6)]).toEqual([5, undefined]);
});
