import { readFileSync } from 'node:fs';
import { eventually } from '@headgate/testkit/eventually';
import { tempDir } from '@headgate/testkit/folders';
import { isAlive } from '@headgate/testkit/processes';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { runCommand } from './command.mjs';

const shell = (script: string, over: Partial<Parameters<typeof runCommand>[2]> = {}) => {
  const { root, guard, signal, logFile } = testContext(tempDir());
  return runCommand('sh', ['-c', script], { cwd: root, guard, signal, logFile, timeoutMs: 20_000, ...over });
};

it('hands over lines as they come, progress bars included, and logs all', async () => {
  const lines: string[] = [];
  const root = tempDir();
  const logFile = `${root}/log`;
  const tail = await shell("printf 'one\\n10%%\\r20%%\\r'; echo two >&2; printf end", {
    onLine: (line) => lines.push(line),
    logFile,
  });
  expect(new Set(lines)).toEqual(new Set(['one', '10%', '20%', 'two', 'end']));
  expect(tail).toEqual(lines);
  await eventually(() => readFileSync(logFile, 'utf8').includes('end'), 'the log');
});

it('says what failed, with the last lines', async () => {
  await expect(shell('seq 1 30; exit 7')).rejects.toMatchObject({
    name: 'CommandError',
    message: 'sh -c failed with exit code 7',
    tail: Array.from({ length: 12 }, (_, index) => String(index + 19)),
  });
});

it('says so when there is no such program', async () => {
  const { root, guard, signal } = testContext(tempDir());
  const run = runCommand('no-such-program', [], { cwd: root, guard, signal, timeoutMs: 1000 });
  await expect(run).rejects.toThrow('no-such-program  cannot start');
});

it('ends the whole group of a command that takes too long', async () => {
  let grandchild = 0;
  const run = shell('sleep 300 & echo $!; wait', {
    timeoutMs: 300,
    onLine: (line) => {
      grandchild = Number(line);
    },
  });
  await expect(run).rejects.toThrow('took longer than');
  await eventually(() => !isAlive(grandchild), 'the end of the grandchild');
});

it('ends a command when it is told to stop, and starts none afterwards', async () => {
  const { root, guard, signal, stop } = testContext(tempDir());
  const options = { cwd: root, guard, signal, timeoutMs: 20_000, onLine: () => stop.abort('SIGINT') };
  await expect(runCommand('sh', ['-c', 'echo ready; sleep 300'], options)).rejects.toThrow('was stopped');
  await expect(runCommand('true', [], options)).rejects.toBe('SIGINT');
});
