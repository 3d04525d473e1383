import type { PredictionRecord } from '@headgate/contracts/records';
import { DAY_MS, systemClock } from '@headgate/runtime/clock';
import { idAt, NOW_MS } from '@headgate/stores/testing/records';
import { expect, it } from 'vitest';
import { createExperiments } from '../experiments/experiments.ts';
import { RecentUnits } from '../experiments/recent-units.ts';
import { readRecords } from '../store/read-records.ts';
import { comparisonOf, type ExperimentBench, HOUR_MS, made, START_MS } from './experiment-bench.ts';

/** Epochs, the split, and what control keeps of an experiment over time. */
export function itFollowsTheSplit(bench: ExperimentBench): void {
  const { deliver, start, report } = bench;

  it('compares with the control of the same time, while weights and latency grow', async () => {
    start({ fp32: 90, int8: 10 });
    await report();
    bench.routing.change({ fp32: 10, int8: 90 }, START_MS + 3 * HOUR_MS);
    const records: PredictionRecord[] = [];
    // Everybody is twice as slow in the second half, in which nearly all of the treatment's requests are.
    const half = (afterMs: number, slow: number, control: number) => {
      for (let unit = 0; unit < 2000; unit += 1) {
        const variant = unit < control ? 'fp32' : 'int8';
        records.push(made(unit, variant, { afterMs, latency_ms: slow + (unit % 10) / 10 }));
      }
    };
    half(HOUR_MS, 20, 1800);
    half(4 * HOUR_MS, 40, 200);
    await deliver(records);
    const found = await report();
    const { difference, verdict, control } = comparisonOf(found, 'latency_ms');
    expect(verdict).toBe('no_difference_yet');
    expect(difference).toBeCloseTo(0, 9);
    expect(control.value).toBeGreaterThan(35);
    expect(found.started_at_ms).toBe(START_MS);
  });

  it('needs more for p95 in each further epoch, whose sequence starts again', async () => {
    const records = (afterMs: number) =>
      Array.from({ length: 380 }, (_, unit) => made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { afterMs }));
    await deliver(records(HOUR_MS));
    expect(comparisonOf(await report(), 'p95_ms').verdict).toBe('no_difference_yet');
    bench.routing.change({ fp32: 49, int8: 51 }, START_MS + 3 * HOUR_MS);
    await deliver(records(4 * HOUR_MS));
    expect(comparisonOf(await report(), 'p95_ms')).toMatchObject({
      units: 190,
      why: expect.stringMatching(/^Not enough data yet: 190 of 204 latencies/),
    });
  });

  it('counts each unit once for the split, in the epoch in which it came first', async () => {
    start({ fp32: 90, int8: 10 });
    await report();
    bench.routing.change({ fp32: 50, int8: 50 }, START_MS + 3 * HOUR_MS);
    const early = Array.from({ length: 1000 }, (_, unit) => made(unit, unit < 900 ? 'fp32' : 'int8'));
    // All of them come again, by the new weights, and nobody else.
    const again = Array.from({ length: 1000 }, (_, unit) =>
      made(unit, unit < 500 ? 'fp32' : 'int8', { afterMs: 4 * HOUR_MS }),
    );
    await deliver([...early, ...again]);
    expect((await report()).srm).toMatchObject({ verdict: 'as_expected' });
  });

  it('counts no unit of the seconds in which gateways still assign by the weights before', async () => {
    start({ fp32: 100, int8: 0 });
    await report();
    bench.routing.change({ fp32: 50, int8: 50 }, START_MS + HOUR_MS);
    const lagging = Array.from({ length: 300 }, (_, unit) => made(unit, 'fp32', { afterMs: HOUR_MS + 4999 }));
    const following = Array.from({ length: 100 }, (_, unit) =>
      made(1000 + unit, unit % 2 === 0 ? 'fp32' : 'int8', { afterMs: HOUR_MS + 5000 }),
    );
    await deliver([...lagging, ...following]);
    expect((await report()).srm).toMatchObject({
      verdict: 'as_expected',
      sentence: 'The 100 units are split as the weights say.',
    });
  });

  it('finds a split that is not the configured one, and says so first', async () => {
    await deliver(Array.from({ length: 1000 }, (_, unit) => made(unit, unit < 600 ? 'fp32' : 'int8')));
    const { srm, sentence } = await report();
    expect(srm.verdict).toBe('mismatch');
    expect(sentence).toMatch(/^Do not trust this comparison\. The units are not split as the weights say/);
  });

  it('starts again with another version under the same name', async () => {
    await deliver([made(1, 'fp32'), made(2, 'int8')]);
    await report();
    const { routing: table, ...snapshot } = bench.routing.current();
    const changed = structuredClone(table);
    const variant = changed.models.net?.experiment.variants[1];
    if (variant) variant.version = 'int8-again';
    const next = { ...snapshot, routing: changed, changedAtMs: START_MS + 2 * HOUR_MS };
    bench.experiments = createExperiments({
      readRecords: readRecords(bench.open()),
      routing: { current: () => next, onChange: () => () => undefined },
      retentionMs: 1,
      now: () => NOW_MS,
    });
    expect((await report()).variants.map(({ requests }) => requests)).toEqual([0, 0]);
  });

  it('bounds its reading by the start of the experiment and by now', async () => {
    await deliver([
      made(1, 'fp32', { afterMs: -1 }),
      made(2, 'fp32', { afterMs: 7 * HOUR_MS }),
      made(3, 'fp32', { afterMs: 400 * DAY_MS }),
      made(4, 'fp32', { experiment: 'other' }),
      made(5, 'fp32', { model: 'constructor' }),
      made(6, 'fp32', { assigned_variant: null, experiment: null }),
      made(7, 'fp32'),
    ]);
    expect((await report()).variants[0]).toMatchObject({ units: 1, requests: 1 });
  });

  it('counts the units that weights assigned in the last 24 hours, whatever the experiment', async () => {
    const told = made(1, 'fp32');
    await deliver([
      ...[1, 2, 3].flatMap((unit) => [made(unit, 'fp32'), made(unit, 'int8')]),
      made(4, 'fp32', { experiment: 'before' }),
      { ...told, id: idAt(NOW_MS, 77), unit: 'told', assigned_variant: null },
      { ...told, id: idAt(NOW_MS - DAY_MS - 1, 78), unit: 'yesterday' },
    ]);
    const recent = new RecentUnits(readRecords(bench.open()), { ...systemClock, epochMs: () => NOW_MS });
    expect([await recent.of('net'), await recent.of('other')]).toEqual([4, 0]);
  });

  it('keeps looks, and thins them as they age', async () => {
    const records = Array.from({ length: 400 }, (_, unit) =>
      made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { latency_ms: 20 + (unit % 7) }),
    );
    await deliver(records);
    await bench.experiments.look('net');
    await bench.experiments.look('net');
    const looks = await bench.experiments.looks('net', 'latency_ms');
    expect(looks).toMatchObject([
      { at_ms: NOW_MS, variant: 'int8', units: 200, verdict: 'no_difference_yet' },
    ]);
    expect(looks[0]?.low).toBeCloseTo(comparisonOf(await report(), 'latency_ms').low ?? 0, 12);
    expect(await bench.experiments.looks('net', 'reward')).toEqual([]);
    await bench.open().query(
      `INSERT INTO experiment_looks SELECT 'net', 'exp', 'latency_ms', 'int8', $1::timestamptz - n * interval '20 minutes', 1, 0, -1, 1, 'no_data'
       FROM generate_series(1, 3000) n`,
      [new Date(NOW_MS)],
    );
    await bench.experiments.thin();
    const left = await bench.experiments.looks('net', 'latency_ms');
    // Three an hour of 3 hours, one an hour of a week, one a day of the other 34 days.
    expect(left.length).toBeGreaterThan(9 + 160 + 30);
    expect(left.length).toBeLessThan(9 + 170 + 40);
    expect(left.at(-1)?.at_ms).toBe(NOW_MS);
  });

  it('knows only experiments that were in the routing table', async () => {
    await report();
    await expect(bench.experiments.report('net', { experiment: 'nothing' })).rejects.toMatchObject({
      reason: 'not_found',
    });
    for (const model of ['__proto__', 'constructor', `'; DROP TABLE predictions; --`, '\u0000', '']) {
      await expect(bench.experiments.report(model)).rejects.toMatchObject({ reason: 'not_found' });
    }
    bench.routing.change({ fp32: 50, int8: 50 }, NOW_MS - 1000, 'next');
    await expect(report()).resolves.toMatchObject({ experiment: 'next' });
    await expect(bench.experiments.report('net', { experiment: 'exp' })).resolves.toMatchObject({
      experiment: 'exp',
    });
  });

  it('exports one line for each metric and variant', async () => {
    await deliver([made(1, 'fp32'), made(2, 'int8')]);
    const [head, ...lines] = (await bench.experiments.csv('net')).trim().split('\r\n');
    expect(head).toMatch(/^model,experiment,at,level,metric,variant,role,units,value,standard_error,/);
    expect(lines).toHaveLength(10);
    expect(lines[2]).toMatch(/^net,exp,.*,0\.95,latency_ms,fp32,control,1,12\.5,/);
    expect(new Set(lines.map((line) => line.split(',').length))).toEqual(new Set([15]));
  });
}
