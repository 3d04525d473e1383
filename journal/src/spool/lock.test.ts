import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { lockDirectory, SpoolLockedError, takenAside } from './lock.ts';

const lockOf = (
  dir: string,
  { host, pid, start }: { host: string; pid: number | undefined; start: string },
) => symlinkSync(`${host}:${pid}:${start}`, join(dir, 'lock'));

it('names the process that has the directory', () => {
  const dir = tempDir();
  const unlock = lockDirectory(dir);
  expect(() => lockDirectory(dir)).toThrow(`process ${process.pid} on ${hostname()}`);
  unlock();
  expect(readdirSync(dir)).toEqual([]);
});

it('takes over from a process that is gone', async () => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await once(child, 'close');
  const dir = tempDir();
  lockOf(dir, { host: hostname(), pid: child.pid, start: '1' });
  lockDirectory(dir);
  expect(readlinkSync(join(dir, 'lock'))).toMatch(`${hostname()}:${process.pid}:`);
});

it('takes over from an earlier process that had the same pid, as in a container that was restarted', () => {
  const dir = tempDir();
  lockOf(dir, { host: hostname(), pid: process.pid, start: '1' });
  expect(() => lockDirectory(dir)).not.toThrow();
});

it('leaves a lock alone that does not say whose it is', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'lock'), '');
  expect(() => lockDirectory(dir)).toThrow(SpoolLockedError);
  expect(readdirSync(dir)).toEqual(['lock']);
});

it('takes a lock for that of the other process when both take it over and the other was quicker', () => {
  const dir = tempDir();
  const gone = { host: hostname(), pid: 1, start: '1' };
  expect(takenAside(join(dir, 'lock'), gone)).toBe(false);
  lockOf(dir, { ...gone, pid: 2 });
  expect(takenAside(join(dir, 'lock'), gone)).toBe(false);
  expect(readlinkSync(join(dir, 'lock'))).toBe(`${hostname()}:2:1`);
});

it('leaves the lock of another host alone: its processes cannot be asked', () => {
  const dir = tempDir();
  lockOf(dir, { host: 'elsewhere', pid: 1, start: '1' });
  expect(() => lockDirectory(dir)).toThrow('process 1 on elsewhere');
});
