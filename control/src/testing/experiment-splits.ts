import type { PredictionRecord } from '@headgate/contracts/records';
import { DAY_MS, systemClock } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { epochsOf } from '@headgate/stores/records/epochs';
import { idAt, NOW_MS } from '@headgate/stores/testing/records';
import { expect, it } from 'vitest';
import { EpochNotes } from '../experiments/epoch-notes.ts';
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
      why: expect.stringMatching(/^Not enough data yet: 190 of 204 units of int8; p95 takes/),
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
    const { srm, variants } = await report();
    expect(srm).toMatchObject({ verdict: 'as_expected' });
    expect(variants).toMatchObject([
      { weight: 50, split_units: 500, units: 900 },
      { weight: 50, split_units: 500, units: 500 },
    ]);
  });

  it('keeps what it knew of a variant that lost its weight, and says that nothing new is compared', async () => {
    await report();
    const records = (afterMs: number, count: number) =>
      Array.from({ length: count }, (_, unit) => made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { afterMs }));
    await deliver(records(HOUR_MS, 380));
    bench.routing.change({ fp32: 100, int8: 0 }, START_MS + 3 * HOUR_MS);
    await deliver(
      Array.from({ length: 50 }, (_, unit) => made(1000 + unit, 'fp32', { afterMs: 4 * HOUR_MS })),
    );
    const found = await report();
    expect(found.sentence).toMatch(
      /p95 latency\. Nothing new is compared while the weight of int8 is 0 %\.$/,
    );
    expect(comparisonOf(found, 'p95_ms')).toMatchObject({ units: 190, verdict: 'no_difference_yet' });
    expect(comparisonOf(found, 'success_rate').left_out).toBe(
      'Units left out: 50 of fp32 that came only while the weight of int8 was 0 %.',
    );
    expect(found.variants.map(({ split_units }) => split_units)).toEqual([50, 0]);
  });

  it('gives shares no difference that is not possible', async () => {
    const groups = ['fp32', 'int8'].flatMap((variant, index) =>
      Array.from({ length: 110 }, (_, unit) =>
        made(1000 * index + unit, variant, variant === 'int8' && unit > 1 ? { outcome: 'internal' } : {}),
      ),
    );
    await deliver(groups);
    const { low, high } = comparisonOf(await report(), 'success_rate');
    expect([low, high]).toEqual([-1, expect.any(Number)]);
    expect(high).toBeLessThan(0);
  });

  it('names the variant that had no weight, also for units of its own', async () => {
    start({ fp32: 100, int8: 0 });
    await report();
    bench.routing.change({ fp32: 50, int8: 50 }, START_MS + HOUR_MS);
    await deliver([
      made(1, 'int8', { afterMs: HOUR_MS / 2 }),
      made(2, 'int8', { afterMs: 2 * HOUR_MS }),
      made(3, 'fp32', { afterMs: 2 * HOUR_MS }),
    ]);
    expect(comparisonOf(await report(), 'success_rate').left_out).toBe(
      'Units left out: 1 of int8 that came only while the weight of int8 was 0 %.',
    );
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
      sentence: expect.stringMatching(/^The split fits the weights \(100 units, .*, over 2 settings/),
    });
  });

  it('ends with the split in force, also where two processes date a change differently', async () => {
    const seen = [900, 1100].map((afterMs) => ({ afterMs, notes: new EpochNotes() }));
    const change = (int8: number, changedAtMs: number) => {
      bench.routing.change({ fp32: 100 - int8, int8 }, changedAtMs);
      for (const { afterMs, notes } of seen) notes.note(bench.routing.current(), changedAtMs + afterMs);
    };
    change(0, START_MS);
    change(1, START_MS);
    change(10, START_MS + HOUR_MS);
    for (const { notes } of seen) await notes.store(bench.open());
    const epochs = await epochsOf(bench.open(), 'net');
    expect(epochs.map(({ from_ms, variants }) => [from_ms - START_MS, variants[1]?.weight])).toEqual([
      [0, 0],
      [900, 1],
      [HOUR_MS, 10],
    ]);
  });

  it('finds a split that is not the configured one, and says so first', async () => {
    await deliver(Array.from({ length: 1000 }, (_, unit) => made(unit, unit < 600 ? 'fp32' : 'int8')));
    const { srm, sentence } = await report();
    expect(srm.verdict).toBe('mismatch');
    expect(sentence).toMatch(
      /^Do not trust this comparison\. The split is not what the weights say \(1000 units/,
    );
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

  it('keeps the report of an experiment that a promotion ended, and of those before it', async () => {
    const HOURS = [1, 2, 3, 4].map((hours) => START_MS + hours * HOUR_MS);
    const [started = 0, promoted = 0, next = 0, back = 0] = HOURS;
    await report();
    bench.routing.change({ fp32: 50, int8: 50 }, started, 'rollout');
    await report();
    await deliver(
      Array.from({ length: 400 }, (_, unit) =>
        made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { experiment: 'rollout', afterMs: 1.5 * HOUR_MS }),
      ),
    );
    await bench.experiments.look('net');
    bench.routing.change({ int8: 100 }, promoted, 'rollout');
    await deliver([made(1, 'int8', { experiment: 'rollout', afterMs: 2.5 * HOUR_MS })]);
    const after = await report();
    expect(after).toMatchObject({ started_at_ms: started, ended_at_ms: promoted });
    expect(after.variants.map(({ units }) => units)).toEqual([200, 200]);
    await bench.experiments.look('net');
    bench.routing.change({ int8: 50, tiny: 50 }, next, 'other');
    await report();
    // An old file is put back, with its old date.
    bench.routing.change({ fp32: 50, int8: 50 }, START_MS, 'exp');
    expect(await report()).toMatchObject({ started_at_ms: START_MS, ended_at_ms: null });
    const named = await bench.experiments.report('net', { experiment: 'rollout' });
    expect(named).toEqual({ ...after, at_ms: named.at_ms, runs: named.runs });
    expect(named.runs).toEqual([
      { experiment: 'exp', started_at_ms: START_MS, ended_at_ms: null, versions: ['fp32', 'int8'] },
      { experiment: 'other', started_at_ms: next, ended_at_ms: NOW_MS, versions: ['int8', 'tiny'] },
      { experiment: 'rollout', started_at_ms: started, ended_at_ms: promoted, versions: ['fp32', 'int8'] },
    ]);
    const at = (at_ms: number) => bench.experiments.report('net', { at_ms });
    expect((await at(promoted - 1)).variants).toHaveLength(2);
    expect((await at(promoted)).variants).toHaveLength(1);
    expect(await at(back)).toMatchObject({ experiment: 'other' });
    await expect(at(START_MS - 1)).rejects.toMatchObject({ reason: 'not_found' });
    expect(await bench.experiments.looks('net', 'latency_ms', { experiment: 'rollout' })).toEqual([]);
    expect(await bench.experiments.csv('net', { experiment: 'rollout' })).toContain(',fp32,control,200,');
  });

  it('reads a run once for all times at which it was in force', async () => {
    await report();
    let readings = 0;
    const db = bench.open();
    const counting: Queryable = {
      ...db,
      query: (sql, values) => {
        if (sql.includes('FROM predictions')) readings += 1;
        return db.query(sql, values);
      },
    };
    const { routing } = bench;
    const deps = { readRecords: readRecords(counting), routing, retentionMs: DAY_MS, now: () => NOW_MS };
    const readBy = async (times: readonly number[]) => {
      readings = 0;
      const { report: reportAt } = createExperiments(deps);
      await Promise.all(times.map((at_ms) => reportAt('net', { at_ms })));
      return readings;
    };
    const once = await readBy([START_MS]);
    expect(once).toBeGreaterThan(0);
    expect(await readBy([START_MS, START_MS + 1, NOW_MS])).toBe(once);
  });

  it('says that records are deleted after their retention', async () => {
    await report();
    bench.routing.change({ fp32: 50, int8: 50 }, NOW_MS, 'next');
    await deliver([made(1, 'fp32', { experiment: 'next', afterMs: 100 * DAY_MS })]);
    const later = createExperiments({
      readRecords: readRecords(bench.open()),
      routing: bench.routing,
      retentionMs: 90 * DAY_MS,
      now: () => NOW_MS + 101 * DAY_MS,
    });
    const sentence = async (experiment: string) => (await later.report('net', { experiment })).sentence;
    const since = new Date(NOW_MS + 11 * DAY_MS).toISOString().slice(0, 10);
    expect(await sentence('exp')).toBe(`The experiment ended before ${since}: its records are deleted.`);
    expect(await sentence('next')).toMatch(
      new RegExp(`has sent a request yet\\. Only records since ${since} count: older ones are deleted\\.$`),
    );
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
    const { rows } = await bench.open().query('SELECT count(*)::int AS count FROM experiment_looks', []);
    const [{ count: left } = { count: 0 }] = rows as { count: number }[];
    // Three an hour of 3 hours, one an hour of a week, one a day of the other 34 days.
    expect(left).toBeGreaterThan(9 + 160 + 30);
    expect(left).toBeLessThan(9 + 170 + 40);
    expect((await bench.experiments.looks('net', 'latency_ms')).at(-1)).toEqual(looks[0]);
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
