import { seeded } from '@headgate/testkit/random';
import { expect, it } from 'vitest';
import { Machine, Process } from './machine.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A machine, and when its jobs ended. */
function setUp(cores: number, random: () => number = () => 0) {
  const clock = new VirtualClock();
  const machine = new Machine({ cores, clock, random });
  const ended: [string, number][] = [];
  const done = (name: string) => () => ended.push([name, clock.monotonicMs()]);
  return { clock, machine, ended, done };
}

const YIELDS = { yields: true };

it('gives an idle core, and turns of 4 ms where there is none', async () => {
  const { clock, machine, ended, done } = setUp(1);
  machine.run(10, done('long'));
  machine.run(3, done('short'));
  await clock.run(() => ended.length === 2);
  expect(ended).toEqual([
    ['short', 7],
    ['long', 13],
  ]);
  expect(machine.busyMs).toBe(13);
});

it('lets what yields wait for what does not, also at the moment at which it ends', async () => {
  const { clock, machine, ended, done } = setUp(1);
  clock.after(1, () => machine.run(2, done('urgent')));
  clock.after(5, () => machine.run(2, done('last')));
  machine.run(3, done('nice'), YIELDS);
  await clock.run(() => ended.length === 3);
  expect(ended).toEqual([
    ['urgent', 3],
    ['last', 7],
    ['nice', 7],
  ]);
});

it('moves a waiting thread to a core that stays idle, and to no other', async () => {
  const { clock, machine, ended, done } = setUp(2);
  for (const [name, ms] of Object.entries({ a: 20, b: 2, c: 20 })) machine.run(ms, done(name));
  await clock.run(() => ended.length === 3);
  // At 14 ms a has had 8, and waits for c, which has had 6.
  expect(ended).toEqual([
    ['b', 2],
    ['a', 26],
    ['c', 28],
  ]);
});

it('runs a job of several threads at the same time, and ends with the last of them', async () => {
  const { clock, machine, ended, done } = setUp(4, seeded(1));
  machine.run(10, done('job'), { threads: 4 });
  await clock.run(() => ended.length === 1);
  expect(ended).toEqual([['job', 10]]);
});

it('does the jobs of a process one by one, and the rest of each one after its answer', async () => {
  const { clock, machine, ended, done } = setUp(2);
  const process = new Process(machine);
  const cost = { busyMs: 4, wakeMs: 4, afterShare: 0.5 };
  process.run(cost, done('first'));
  process.run(cost, done('second'));
  await clock.run(() => ended.length === 2);
  expect(ended).toEqual([
    ['first', 4],
    ['second', 10],
  ]);
});
