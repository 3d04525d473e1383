import { lockDirectory } from '@headgate/journal/spool/lock';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { exitOf } from './exit.ts';
import { PortTakenError } from './listen.ts';

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

it('says in one line that another process has the audit log, and which setting parts them', () => {
  const dir = tempDir();
  const unlock = lockDirectory(dir);
  const { code, text } = exitOf(thrownBy(() => lockDirectory(dir)));
  unlock();
  expect(code).toBe(2);
  expect(text).toMatch(`process ${process.pid} on `);
  expect(text).toMatch('audit.writer');
  expect(text).not.toMatch('\n');
});

it('tells a taken port from all else by its code', () => {
  expect(exitOf(new PortTakenError('127.0.0.1', 8080))).toMatchObject({ code: 3 });
});

it('shows everything that failed where several things did', () => {
  const { code, text } = exitOf(new AggregateError([new Error('ENOSPC'), new Error('EIO')], 'several'));
  expect(code).toBe(1);
  for (const cause of ['ENOSPC', 'EIO']) expect(text).toMatch(cause);
});

it('shows what was thrown though it is no error', () => {
  expect(exitOf(undefined)).toEqual({ code: 1, text: 'undefined' });
});
