import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { acquireLock } from './lock.mjs';

const { signal } = new AbortController();

it('makes the second wait until the first gives back', async () => {
  const path = join(tempDir(), 'lock');
  const waited: number[] = [];
  const release = await acquireLock(path, { signal, onWait: () => {} });
  const second = acquireLock(path, { signal, onWait: (pid) => waited.push(pid) });
  expect(waited).toEqual([process.pid]);
  release();
  (await second)();
  expect(existsSync(path)).toBe(false);
});

it.each([
  ['a dead process', String(spawnSync('true').pid)],
  ['nobody', 'not a number'],
])('takes over the lock of %s', async (_, owner) => {
  const path = join(tempDir(), 'lock');
  writeText(path, owner);
  const release = await acquireLock(path, { signal, onWait: () => expect.unreachable() });
  release();
});

it('gives up waiting when it is told to stop', async () => {
  const path = join(tempDir(), 'lock');
  const stop = new AbortController();
  await acquireLock(path, { signal, onWait: () => {} });
  const second = acquireLock(path, { signal: stop.signal, onWait: () => stop.abort() });
  await expect(second).rejects.toThrow('aborted');
});
