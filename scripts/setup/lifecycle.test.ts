import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { exitCodeOf, type Host, stopRequests } from './lifecycle.mjs';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A process that npm may have started. */
class FakeProcess extends EventEmitter {
  ppid = 100;
  channel: { unref(): void } | undefined;
  env: Record<string, string> = {};
}

const listen = (host: FakeProcess) => stopRequests(host as unknown as Host);

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('stops at %s', (name) => {
  const host = new FakeProcess();
  const { stop, force } = listen(host);
  host.emit(name);
  expect([stop.aborted, stop.reason, force.aborted]).toEqual([true, name, false]);
});

it('takes one Ctrl-C that arrives twice for one, and a later one for impatience', () => {
  const host = new FakeProcess();
  const { stop, force } = listen(host);
  host.emit('SIGINT');
  vi.advanceTimersByTime(1900);
  host.emit('SIGINT');
  expect([stop.aborted, force.aborted]).toEqual([true, false]);
  vi.advanceTimersByTime(200);
  host.emit('SIGINT');
  expect(force.aborted).toBe(true);
});

it('stops when the npm that started it is gone', () => {
  const host = new FakeProcess();
  host.env = { npm_lifecycle_event: 'start' };
  const { stop } = listen(host);
  vi.advanceTimersByTime(5000);
  expect(stop.aborted).toBe(false);
  host.ppid = 1;
  vi.advanceTimersByTime(500);
  expect(stop.reason).toBe('parent');
});

it('stops when the Node process that started it is gone', () => {
  const host = new FakeProcess();
  host.channel = { unref: () => {} };
  const { stop } = listen(host);
  host.emit('disconnect');
  expect(stop.reason).toBe('parent');
});

it('may outlive a shell', () => {
  const host = new FakeProcess();
  const { stop } = listen(host);
  host.ppid = 1;
  vi.advanceTimersByTime(5000);
  expect(stop.aborted).toBe(false);
});

it('gives the exit code that a shell expects', () => {
  expect(['SIGHUP', 'SIGINT', 'SIGTERM', 'parent'].map(exitCodeOf)).toEqual([129, 130, 143, 143]);
});
