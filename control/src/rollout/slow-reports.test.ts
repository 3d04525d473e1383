import { ManualClock } from '@headgate/testkit/manual-clock';
import { describe, expect, it } from 'vitest';
import { reportOf } from '../testing/rollout-bench.ts';
import { SlowReports } from './slow-reports.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the report of an experiment', () => {
  it('is an error once what it says is older than a minute, also where the store repeats it', async () => {
    const clock = new ManualClock();
    const report = { ...reportOf('one', 'two', {}), at_ms: clock.epochMs() };
    const reports = new SlowReports({ report: async () => report }, clock);
    const after = async (ms: number) => {
      clock.advance(ms);
      reports.latest('m', 'one');
      await settled();
      return reports.latest('m', 'one');
    };
    expect(await after(30_000)).toEqual({ kind: 'report', report });
    expect(await after(29_000)).toEqual({ kind: 'report', report });
    expect(await after(1000)).toEqual({ kind: 'error', why: 'the newest report is older than a minute' });
  });

  it('is asked for each 5 s, however old the one is that the store has', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const report = async () => {
      asked += 1;
      return { ...reportOf('one', 'two', {}), at_ms: clock.epochMs() - 90_000 };
    };
    const reports = new SlowReports({ report }, clock);
    for (let second = 0; second < 10; second += 1) {
      reports.latest('m', 'one');
      await settled();
      clock.advance(1000);
    }
    expect(asked).toBe(2);
  });

  it('is never that of another rollout of the model', async () => {
    const clock = new ManualClock();
    const report = async (_: string, { experiment }: { readonly experiment: string }) => ({
      ...reportOf(experiment, 'two', {}),
      at_ms: clock.epochMs(),
    });
    const reports = new SlowReports({ report }, clock);
    reports.latest('m', 'one');
    await settled();
    expect(reports.latest('m', 'two')).toMatchObject({ kind: 'no_data' });
    await settled();
    expect(reports.latest('m', 'two')).toMatchObject({ report: { experiment: 'two' } });
  });
});
