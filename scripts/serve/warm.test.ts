import { expect, it } from 'vitest';
import { type Probe, waitUntilWarm } from './warm.ts';

const { signal } = new AbortController();

/** Warm at the n-th question. */
function probe(name: string, warmAt: number): Probe & { asked: number } {
  return {
    name,
    asked: 0,
    async check() {
      this.asked += 1;
      if (this.asked === 1) throw new Error('connection refused');
      return this.asked >= warmAt;
    },
  };
}

it('waits until each has been warm once, and asks no more', async () => {
  const [early, late] = [probe('early', 2), probe('late', 4)];
  await waitUntilWarm([early, late], { signal, withinMs: 10_000 });
  expect([early.asked, late.asked]).toEqual([2, 4]);
});

it('names what is still cold when the time is over', async () => {
  const waiting = waitUntilWarm([probe('gateway', 2), probe('envoy', 1e9)], { signal, withinMs: 200 });
  await expect(waiting).rejects.toThrow('not ready after 0 s: envoy');
});

it('stops asking when it is told to', async () => {
  const stop = new AbortController();
  const waiting = waitUntilWarm([probe('gateway', 1e9)], { signal: stop.signal, withinMs: 60_000 });
  stop.abort();
  await expect(waiting).rejects.toThrow('aborted');
});
