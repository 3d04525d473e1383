import type { LiveView, RoutingView } from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import { EventFeed } from './feed.ts';

let clock: ManualClock;
let made: number;
let live: () => Promise<LiveView>;
let errors: number;

beforeEach(() => {
  clock = new ManualClock();
  [made, errors] = [0, 0];
  live = async () => ({ at_ms: ++made }) as LiveView;
});

const start = () => new EventFeed({ live: () => live(), clock, logger: { error: () => void errors++ } });
const always = () => true;
const decoder = new TextDecoder();

/** Reads what has come; waits when nothing has. */
function readerOf(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  return {
    read: async () => {
      const { value } = await reader.read();
      return value && decoder.decode(value);
    },
    leave: () => reader.cancel(),
  };
}

describe('the feed of events', () => {
  it('sends the live view at once and each second, made once for all readers', async () => {
    const feed = start();
    const readers = [readerOf(feed.open('a', always)), readerOf(feed.open('b', always))];
    expect(await readers[0]?.read()).toBe('retry: 2000\n\nevent: live\ndata: {"at_ms":1}\n\n');
    clock.advance(1000);
    expect(await readers[0]?.read()).toBe('event: live\ndata: {"at_ms":2}\n\n');
    expect(await readers[1]?.read()).toContain('{"at_ms":2}');
    expect(made).toBe(2);
  });

  it('gives a slow reader the newest frame of each event, and keeps no others', async () => {
    const feed = start();
    const slow = readerOf(feed.open('a', always));
    for (let second = 0; second < 100; second += 1) {
      feed.send('routing', { revision: String(second) } as RoutingView);
      clock.advance(1000);
      await Promise.resolve();
    }
    const text = await slow.read();
    expect(text?.match(/event: /g)).toHaveLength(2);
    expect(text).toContain('{"revision":"99"}');
  });

  it('gives a slow reader the end of each rollout', async () => {
    const feed = start();
    const slow = readerOf(feed.open('a', always));
    feed.send('rollout', { id: 'one', weight: 10 } as Rollout);
    feed.send('rollout', { id: 'two', weight: 0 } as Rollout);
    feed.send('rollout', { id: 'one', weight: 0 } as Rollout);
    const text = await slow.read();
    expect(text?.match(/"id":"\w+","weight":\d+/g)).toEqual([
      '"id":"one","weight":0',
      '"id":"two","weight":0',
    ]);
  });

  it('stops when the last reader has left, and begins again with the next', async () => {
    const feed = start();
    const reader = readerOf(feed.open('a', always));
    await reader.read();
    await reader.leave();
    clock.advance(1000);
    expect([made, clock.pending]).toEqual([1, 0]);
    expect(await readerOf(feed.open('a', always)).read()).toContain('{"at_ms":2}');
  });

  it('ends a stream once its session has ended', async () => {
    const feed = start();
    let isIn = true;
    const reader = readerOf(feed.open('a', () => isIn));
    await reader.read();
    isIn = false;
    clock.advance(1000);
    expect(await reader.read()).toBeUndefined();
  });

  it('sends heartbeats while there is no live view, and logs that once', async () => {
    live = () => Promise.reject(new Error('no figures'));
    const feed = start();
    const reader = readerOf(feed.open('a', always));
    expect(await reader.read()).toBe('retry: 2000\n\n:\n\n');
    clock.advance(1000);
    expect(await reader.read()).toBe(':\n\n');
    expect(errors).toBe(1);
  });

  it('has at most 8 streams of one caller, and 32 of all', async () => {
    const feed = start();
    const open = (actor: string) => feed.open(actor, always);
    const first = open('a');
    for (let count = 1; count < 8; count += 1) open('a');
    expect(() => open('a')).toThrow('too_many');
    for (let count = 0; count < 24; count += 1) open(`b${count}`);
    expect(() => open('c')).toThrow('too_many');
    await first.cancel();
    open('c');
  });
});
