import { expect, it } from 'vitest';
import { runScenarios } from './run.ts';
import { type Context, type Scenario, Skipped } from './scenario.ts';
import type { Site } from './site.ts';

/** Runs scenarios without a cluster. */
async function run(
  runs: readonly Scenario['run'][],
  over: { totalMs?: number; withinMs?: number; signal?: AbortSignal } = {},
) {
  const settled: string[] = [];
  const marks: string[] = [];
  const kube = { until: () => kube };
  const site = { kube, settle: async () => void settled.push('settled') } as unknown as Site;
  const scenarios = runs.map((one, i): Scenario => {
    return { name: `s${i}`, title: `Scenario ${i}`, withinMs: over.withinMs ?? 5000, run: one };
  });
  const results = await runScenarios(scenarios, {
    site,
    dir: '/tmp',
    signal: over.signal ?? new AbortController().signal,
    totalMs: over.totalMs ?? 60_000,
    begin: () => ({ progress: () => {}, done: () => marks.push('✓'), failed: () => marks.push('✗') }),
  });
  return { results, settled, marks };
}

const verdicts = ({ results }: Awaited<ReturnType<typeof run>>) =>
  results.map(({ verdict, problem }) => [verdict, problem]);

it('passes what does not throw, and keeps its figures', async () => {
  const { results } = await run([async ({ figure }) => figure('ready', '2 s')]);
  expect(results).toMatchObject([{ verdict: 'passed', figures: { ready: '2 s' } }]);
});

it('goes on after a failure, with its causes, and after what cannot be shown here', async () => {
  const broken = async () => {
    throw new Error('no pod is ready', { cause: new Error('refused') });
  };
  const impossible = async () => {
    throw new Skipped('needs root');
  };
  expect(verdicts(await run([broken, impossible, async () => {}]))).toEqual([
    ['failed', 'no pod is ready: refused'],
    ['skipped', 'needs root'],
    ['passed', undefined],
  ]);
});

it('undoes what a scenario did, the last first, also when it failed; a failed undo is a failure', async () => {
  const undone: string[] = [];
  const undo = ({ cleanUp }: Context) => {
    for (const name of ['first', 'second']) cleanUp(async () => void undone.push(name));
  };
  const failing = async (context: Context) => {
    undo(context);
    throw new Error('no');
  };
  const stubborn = async ({ cleanUp }: Context) =>
    cleanUp(async () => {
      throw new Error('kn2 does not start');
    });
  const ran = await run([failing, stubborn]);
  expect(undone).toEqual(['second', 'first']);
  expect(ran.settled).toEqual(['settled']);
  expect(verdicts(ran)).toEqual([
    ['failed', 'no'],
    ['failed', 'kn2 does not start'],
  ]);
});

it('ends a scenario that takes too long, and fails those for which no time is left', async () => {
  const hangs = () => new Promise<void>(() => {});
  expect(verdicts(await run([hangs], { withinMs: 1000 }))).toEqual([['failed', 'not done within 1 s']]);
  expect(verdicts(await run([async () => {}], { totalMs: 0 }))).toEqual([['failed', 'no time was left']]);
});

it('limits a scenario to the time that the run has left', async () => {
  const ran = await run([async () => {}], { totalMs: 4000, withinMs: 5000 });
  expect(verdicts(ran)).toEqual([['passed', undefined]]);
});

it('skips a scenario that is interrupted, and those after it: they have shown nothing', async () => {
  const interrupt = new AbortController();
  const hangs = () => {
    interrupt.abort(new Error('SIGINT'));
    return new Promise<void>(() => {});
  };
  const ran = await run([hangs, async () => {}], { signal: interrupt.signal });
  expect(verdicts(ran)).toEqual([
    ['skipped', 'the run was stopped'],
    ['skipped', 'the run was stopped'],
  ]);
  expect(ran.marks).toEqual(['✗']);
  expect(ran.settled).toEqual(['settled']);
});
