import { expect, it } from 'vitest';
import { ProgramError, type ProgramOptions, runProgram } from './run-program.ts';

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

it('ends a program that takes too long, and one whose caller gives up', async () => {
  const late = await failureOf(sh('exec sleep 60', { withinMs: 100 }));
  expect(late).toMatchObject({ message: 'sh: took longer than 0.1 s', code: null });
  const reason = new Error('stopped');
  const stop = new AbortController();
  const running = failureOf(sh('exec sleep 60', { signal: stop.signal }));
  stop.abort(reason);
  expect(await running).toBe(reason);
});
