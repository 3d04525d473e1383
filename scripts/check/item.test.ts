import { tempDir } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { type CheckItem, checkCommand, formatResults, runChecks, SkippedCheck } from './item.ts';

const item = (name: string, run: CheckItem['run']): CheckItem => ({ name, run });

it('keeps the order, takes an error for a problem, and runs a few at once', async () => {
  let running = 0;
  let most = 0;
  const slow = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return [];
  };
  const broken = async () => {
    throw new Error('no such tool');
  };
  const items = [item('a', slow), item('b', broken), item('c', slow), item('d', slow)];
  const results = await runChecks(items, testContext(tempDir()), 2);
  expect(results.map(({ name, problems }) => [name, ...problems])).toEqual([
    ['a'],
    ['b', 'no such tool'],
    ['c'],
    ['d'],
  ]);
  expect(most).toBe(2);
});

it('reports what a tool says only when it fails', async () => {
  const context = testContext(tempDir());
  expect(await checkCommand(context, 'sh', ['-c', 'echo fine'])).toEqual([]);
  expect(await checkCommand(context, 'sh', ['-c', 'echo a.ts:1 wrong; exit 1'])).toEqual([
    'sh -c failed with exit code 1',
    'a.ts:1 wrong',
  ]);
});

it('checks nothing more once it is told to stop', async () => {
  const context = testContext(tempDir());
  context.stop.abort(new Error('stopped'));
  const results = await runChecks([item('a', () => expect.unreachable())], context, 1);
  expect(results[0]?.problems).toEqual(['stopped']);
});

it('prints name, verdict and seconds in columns', () => {
  const table = formatResults([
    { name: 'types', problems: [], durationMs: 1234 },
    { name: 'lint and format', problems: ['x'], durationMs: 56 },
  ]);
  expect(table).toBe('  types            ok      1.2 s\n  lint and format  FAILED  0.1 s');
});

it('skips by name what it has no tool for, which is a failure where nobody reads the output', async () => {
  const context = testContext(tempDir());
  const without = item('scan', () => Promise.reject(new SkippedCheck('needs Go')));
  const unanswered = item('audit', () =>
    Promise.reject(new SkippedCheck('not answered', { everywhere: true })),
  );
  const verdicts = async (ci: boolean) =>
    (await runChecks([without, unanswered], { ...context, ci }, 1)).map(({ problems, skipped }) => ({
      problems,
      skipped,
    }));
  const open = { problems: [], skipped: 'not answered' };
  expect(await verdicts(false)).toEqual([{ problems: [], skipped: 'needs Go' }, open]);
  expect(await verdicts(true)).toEqual([{ problems: ['needs Go'], skipped: undefined }, open]);
  expect(formatResults([{ name: 'scan', problems: [], durationMs: 1, skipped: 'needs Go' }])).toBe(
    '  scan  skipped: needs Go',
  );
});
