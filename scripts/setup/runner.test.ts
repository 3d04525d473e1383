import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { CommandError } from './command.mjs';
import { runSteps, type Step } from './runner.mjs';

function copyStep(over: Partial<Step> = {}): Step {
  return {
    name: 'copy',
    title: 'copy of a file',
    inputs: ['in'],
    outputs: ['out.txt'],
    run: async ({ root }) => writeFileSync(join(root, 'out.txt'), readFileSync(join(root, 'in/a.txt'))),
    remedy: 'put a file into in/',
    ...over,
  };
}

it('runs a step once and skips it while nothing changes', async () => {
  const context = testContext(tempDir({ 'in/a.txt': 'one' }));
  expect(await runSteps([copyStep()], context)).toEqual(['copy']);
  expect(await runSteps([copyStep()], context)).toEqual([]);
  expect(context.said).toEqual(['done copy of a file']);
});

it('runs a step again when an input, a value or an output is not what it was', async () => {
  const root = tempDir({ 'in/a.txt': 'one' });
  const context = testContext(root);
  const ran = async (step = copyStep()) => (await runSteps([step], context)).length;
  await ran();
  writeText(join(root, 'in/a.txt'), 'two');
  expect(await ran()).toBe(1);
  writeText(join(root, 'in/b.txt'), 'new');
  expect(await ran()).toBe(1);
  rmSync(join(root, 'out.txt'));
  expect(await ran()).toBe(1);
  writeText(join(root, 'out.txt'), 'cut short');
  expect(await ran()).toBe(1);
  expect(await ran(copyStep({ values: ['other interpreter'] }))).toBe(1);
  expect(readFileSync(join(root, 'out.txt'), 'utf8')).toBe('two');
});

it('runs a step whose result is stale, although nothing changed', async () => {
  const context = testContext(tempDir({ 'in/a.txt': 'one' }));
  await runSteps([copyStep()], context);
  expect(await runSteps([copyStep({ isStale: () => true })], context)).toEqual(['copy']);
});

it('takes over what somebody else has already done', async () => {
  const root = tempDir({ 'in/a.txt': 'one', 'out.txt': 'made by hand' });
  expect(await runSteps([copyStep({ isDone: () => true })], testContext(root))).toEqual([]);
  expect(readFileSync(join(root, 'out.txt'), 'utf8')).toBe('made by hand');
});

it('tells remedy and last output of a step that fails, and does not take it for done', async () => {
  const context = testContext(tempDir({ 'in/a.txt': 'one' }));
  const fail = async () => {
    throw new CommandError('tool failed with exit code 1', ['disk full']);
  };
  await expect(runSteps([copyStep({ run: fail })], context)).rejects.toMatchObject({
    name: 'StepError',
    message: 'copy of a file: tool failed with exit code 1',
    remedy: 'put a file into in/',
    tail: ['disk full'],
  });
  expect(context.said).toEqual(['failed copy of a file']);
  expect(await runSteps([copyStep()], context)).toEqual(['copy']);
});

it('fails a step that ends without its output', async () => {
  const context = testContext(tempDir({ 'in/a.txt': 'one' }));
  const lazy = runSteps([copyStep({ run: async () => {} })], context);
  await expect(lazy).rejects.toThrow('it ended without making out.txt');
});

it('starts no step once it is told to stop, and gives the lock back', async () => {
  const root = tempDir({ 'in/a.txt': 'one' });
  const context = testContext(root);
  const first = copyStep({ name: 'first', run: async () => context.stop.abort('SIGINT'), outputs: [] });
  await expect(runSteps([first, copyStep()], context)).rejects.toBe('SIGINT');
  expect(existsSync(join(root, 'out.txt'))).toBe(false);
  expect(existsSync(join(root, 'state/setup/lock'))).toBe(false);
});

it('lets two setups of one checkout do the work once', async () => {
  const root = tempDir({ 'in/a.txt': 'one' });
  const ran = await Promise.all([1, 2, 3].map(() => runSteps([copyStep()], testContext(root))));
  expect(ran.flat()).toEqual(['copy']);
});
