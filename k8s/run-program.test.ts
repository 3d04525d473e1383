import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ProgramError, type ProgramOptions, runProgram } from './run-program.ts';

// The time between SIGTERM and SIGKILL is too long for a test.
vi.mock('node:timers/promises', async (original) => {
  const { setTimeout } = await original<typeof import('node:timers/promises')>();
  return {
    setTimeout: (ms: number, value: boolean, options: object) => setTimeout(ms / 100, value, options),
  };
});

const sh = (script: string, options: ProgramOptions = {}) => runProgram('/bin/sh', ['-c', script], options);
const failureOf = (running: Promise<unknown>) => running.catch((error: unknown) => error);

it('gives the program its input, and returns its output', async () => {
  expect(await sh('cat; echo ignored >&2', { input: 'text' })).toBe('text');
});

it('tells the code and what the program said; a report of Helm is no part of that', async () => {
  const lines: string[] = [];
  const script = 'echo out; echo level=INFO msg=x >&2; echo broken >&2; exit 3';
  const error = await failureOf(sh(script, { onLine: (line) => lines.push(line) }));
  expect(error).toBeInstanceOf(ProgramError);
  expect(error).toMatchObject({ message: 'sh: broken', code: 3, stdout: 'out\n', stderr: 'broken' });
  expect(lines).toEqual(['level=INFO msg=x', 'broken']);
  expect(await failureOf(sh('exit 3', { title: 'a title' }))).toMatchObject({
    message: 'a title: exit code 3',
  });
});

it('names a program that does not exist', async () => {
  await expect(runProgram('no-such-program', [], {})).rejects.toThrow('no-such-program: spawn');
});

it('says so when the system gives it no file descriptors', () => {
  const script = `
    import { openSync } from 'node:fs';
    import { runProgram } from '${join(import.meta.dirname, 'run-program.ts')}';
    try { for (;;) openSync('/dev/null'); } catch {}
    await runProgram('/bin/true', [], {}).catch(({ message }) => console.log(message));`;
  const args = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script];
  const { stdout, status } = spawnSync('/bin/sh', args, { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['true: spawn /bin/true EMFILE\n', 0]);
});

it('tells why a program ended beside what it said', async () => {
  expect(await failureOf(sh('echo careful >&2; kill -KILL $$'))).toMatchObject({
    message: 'sh: careful\nended by SIGKILL',
  });
  expect(await failureOf(sh('echo careful >&2; exec sleep 60', { withinMs: 100 }))).toMatchObject({
    message: 'sh: careful\ntook longer than 0.1 s',
  });
});

it('does not wait for a process that the program leaves with its output open', async () => {
  const left = await failureOf(sh('echo said; echo careful >&2; sleep 30 & wait', { withinMs: 200 }));
  expect(left).toMatchObject({ stdout: 'said\n', stderr: 'careful\ntook longer than 0.2 s' });
});

it('ends a program that takes too long, and one whose caller gives up', async () => {
  const late = await failureOf(sh('exec sleep 60', { withinMs: 100 }));
  expect(late).toMatchObject({ message: 'sh: took longer than 0.1 s', code: null });
  const reason = new Error('stopped');
  const stop = new AbortController();
  const running = failureOf(sh('exec sleep 60', { signal: stop.signal }));
  stop.abort(reason);
  expect(await running).toBe(reason);
});
