import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { changedRollouts, connection, live, startLive } from './live.ts';

/** Those that were opened, oldest first. */
let sources: FakeEvents[];

class FakeEvents extends EventTarget {
  isOpen = true;
  constructor() {
    super();
    sources.push(this);
  }
  close(): void {
    this.isOpen = false;
  }
  live(atMs: number): void {
    this.dispatchEvent(new MessageEvent('live', { data: JSON.stringify({ at_ms: atMs }) }));
  }
}

let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  sources = [];
  const listeners = { addEventListener: () => undefined, removeEventListener: () => undefined };
  for (const [name, fake] of Object.entries({ ...listeners, EventSource: FakeEvents }))
    vi.stubGlobal(name, fake);
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  stop = startLive();
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it('shows what comes', () => {
  sources[0]?.live(1000);
  expect([live.value?.at_ms, connection.value.kind]).toEqual([1000, 'open']);
});

it('keeps what rollouts became until the connection is lost', () => {
  const told = (id: string, weight: number) =>
    sources[0]?.dispatchEvent(new MessageEvent('rollout', { data: JSON.stringify({ id, weight }) }));
  told('a', 10);
  told('b', 1);
  told('a', 0);
  expect([...changedRollouts.value.values()]).toEqual([
    { id: 'a', weight: 0 },
    { id: 'b', weight: 1 },
  ]);
  sources[0]?.dispatchEvent(new Event('error'));
  expect(changedRollouts.value.size).toBe(0);
});

it('is stale after 5 s without figures, since the last ones', () => {
  sources[0]?.live(1000);
  const sinceMs = Date.now();
  vi.advanceTimersByTime(4999);
  expect(connection.value).toEqual({ kind: 'open' });
  vi.advanceTimersByTime(1);
  expect(connection.value).toEqual({ kind: 'stale', sinceMs });
});

/** Loses the connection. @returns seconds until the next one */
function pause(): number {
  const before = sources.length;
  let seconds = 0;
  sources.at(-1)?.dispatchEvent(new Event('error'));
  for (; sources.length === before; seconds += 1) vi.advanceTimersByTime(1000);
  return seconds;
}

it('connects again after longer and longer pauses, and after a short one once figures have come', () => {
  expect(Array.from({ length: 7 }, pause)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  sources.at(-1)?.live(2000);
  expect(pause()).toBe(1);
  expect(sources.filter(({ isOpen }) => isOpen)).toEqual([sources.at(-1)]);
});

it('opens nothing more once it is stopped', () => {
  sources[0]?.dispatchEvent(new Event('error'));
  stop();
  vi.advanceTimersByTime(60_000);
  expect(sources).toHaveLength(1);
});
