import type { PredictionRecord, StoredRecord } from '@headgate/contracts/records';
import { DAY_MS, systemClock } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { idAt, NOW_MS, outcomeOf } from '@headgate/stores/testing/records';
import { beforeEach, describe, expect, it } from 'vitest';
import { createExperiments, type Experiments } from '../experiments/experiments.ts';
import { RecentUnits } from '../experiments/recent-units.ts';
import { MINIMUM_UNITS } from '../statistics/verdict.ts';
import { readRecords } from '../store/read-records.ts';
import {
  chance,
  comparisonOf,
  deliverTo,
  emptyExperiments,
  fakeRouting,
  HOUR_MS,
  made,
  START_MS,
  type Weights,
} from './experiment-bench.ts';

/** What an analysis in a store finds, whichever database it is. Its clock stands at NOW_MS. */
export function describeExperiments(name: string, open: () => Queryable): void {
  let routing: ReturnType<typeof fakeRouting>;
  let experiments: Experiments;

  const deliver = (records: readonly StoredRecord[]) => deliverTo(open(), records);
  const start = (weights: Weights) => {
    routing = fakeRouting(weights);
    experiments = createExperiments({
      readRecords: readRecords(open()),
      routing,
      retentionMs: 90 * DAY_MS,
      now: () => NOW_MS,
    });
  };
  const report = (level?: number) => experiments.report('net', { level });

  describe(name, () => {
    beforeEach(async () => {
      start({ fp32: 50, int8: 50 });
      await emptyExperiments(open());
    });

    it('compares a metric by unit, and finds what an independent count finds', async () => {
      const random = chance(1);
      const records: PredictionRecord[] = [];
      for (let unit = 0; unit < 800; unit += 1) {
        const variant = unit % 2 === 0 ? 'fp32' : 'int8';
        const requests = 1 + Math.floor(8 * random() ** 4);
        for (let n = 0; n < requests; n += 1) {
          const outcome = random() < 0.1 ? 'internal' : random() < 0.1 ? 'undecodable_image' : 'ok';
          const latency_ms = 20 + 10 * random() - (variant === 'int8' ? 8 : 0);
          records.push(made(unit, variant, { outcome, latency_ms, afterMs: random() * 5 * HOUR_MS }));
        }
      }
      await deliver(records);
      const found = await report();
      const of = (variant: string) => records.filter((record) => record.variant === variant);
      for (const [index, variant] of ['fp32', 'int8'].entries()) {
        expect(found.variants[index]).toMatchObject({ units: 400, requests: of(variant).length });
      }
      const rate = (variant: string) => {
        const ok = of(variant).filter(({ outcome }) => outcome === 'ok').length;
        return ok / (ok + of(variant).filter(({ outcome }) => outcome === 'internal').length);
      };
      const mean = (variant: string) => {
        const ok = of(variant).filter(({ outcome }) => outcome === 'ok');
        return ok.reduce((sum, { latency_ms }) => sum + latency_ms, 0) / ok.length;
      };
      const success = comparisonOf(found, 'success_rate');
      expect(success.value).toBeCloseTo(rate('int8'), 12);
      expect(success.control.value).toBeCloseTo(rate('fp32'), 12);
      const latency = comparisonOf(found, 'latency_ms');
      expect(latency.difference).toBeCloseTo(mean('int8') - mean('fp32'), 9);
      const served = new Set(of('int8').flatMap(({ outcome, unit }) => (outcome === 'ok' ? unit : [])));
      expect(latency).toMatchObject({ units: served.size, verdict: 'better' });
      expect(found.sentence).toMatch(/^int8 answers .* ms faster than fp32 \(between .* and .* ms\)\.$/);
      expect(found.srm).toMatchObject({ verdict: 'as_expected' });
    });

    it('takes heavy users for one unit each, however many requests they send', async () => {
      const records = [0, 1].flatMap((unit) =>
        Array.from({ length: 300 }, () =>
          made(unit, unit === 0 ? 'fp32' : 'int8', { latency_ms: 10 + unit }),
        ),
      );
      await deliver(records);
      expect(comparisonOf(await report(), 'latency_ms')).toMatchObject({
        verdict: 'no_data',
        low: null,
        why: `Not enough data yet: 0 of ${MINIMUM_UNITS} units.`,
      });
    });

    it('widens its intervals with the level', async () => {
      const random = chance(2);
      await deliver(
        Array.from({ length: 600 }, (_, unit) => {
          const latency_ms = 20 + 5 * random() + (unit % 2);
          return made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { latency_ms });
        }),
      );
      const widths: number[] = [];
      for (const level of [0.9, 0.95, 0.99]) {
        const { low, high } = comparisonOf(await report(level), 'latency_ms');
        widths.push((high ?? 0) - (low ?? 0));
      }
      expect(widths).toEqual(widths.toSorted((a, b) => a - b));
      expect(new Set(widths).size).toBe(3);
    });

    it('compares with the control of the same time, while weights and latency grow', async () => {
      start({ fp32: 90, int8: 10 });
      await report();
      routing.change({ fp32: 10, int8: 90 }, START_MS + 3 * HOUR_MS);
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

    it('counts each unit once for the split, in the epoch in which it came first', async () => {
      start({ fp32: 90, int8: 10 });
      await report();
      routing.change({ fp32: 50, int8: 50 }, START_MS + 3 * HOUR_MS);
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
      routing.change({ fp32: 50, int8: 50 }, START_MS + HOUR_MS);
      const lagging = Array.from({ length: 300 }, (_, unit) =>
        made(unit, 'fp32', { afterMs: HOUR_MS + 4999 }),
      );
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

    it('reads accuracy and reward from feedback of the tenant that asked, and from no other', async () => {
      const records: StoredRecord[] = [];
      for (let unit = 0; unit < 400; unit += 1) {
        const prediction = made(unit, unit % 2 === 0 ? 'fp32' : 'int8');
        const isWrong = unit % 2 === 1 && unit % 4 === 1;
        const { id } = prediction;
        records.push(
          prediction,
          outcomeOf({ id, label: isWrong ? 'dog' : 'tiger cat', reward: isWrong ? -1 : 1 + (unit % 3) }),
        );
        records.push(outcomeOf({ id, tenant: 'e'.repeat(32), label: 'dog', reward: -1e9 }));
      }
      // Of no prediction, and of one of the future.
      records.push(outcomeOf({ id: idAt(START_MS + HOUR_MS, 999_999), reward: 1e9 }));
      await deliver(records);
      const found = await report();
      expect(comparisonOf(found, 'accuracy')).toMatchObject({
        control: { value: 1, units: 200 },
        value: 0.5,
        units: 200,
        verdict: 'worse',
      });
      expect(comparisonOf(found, 'reward').verdict).toBe('worse');
      expect(comparisonOf(found, 'reward').value).toBeLessThan(1);
    });

    it('takes a reward alone for no judgement', async () => {
      const records = Array.from({ length: 500 }, (_, unit) => made(unit, unit % 2 === 0 ? 'fp32' : 'int8'));
      const rewards = records.map(({ id }, n) => outcomeOf({ id, label: null, reward: n % 7 }));
      await deliver([...records, ...rewards]);
      const found = await report();
      expect(comparisonOf(found, 'accuracy').why).toBe(
        'No feedback with a label about predictions of fp32 yet.',
      );
      expect(comparisonOf(found, 'reward').verdict).toBe('no_difference_yet');
    });

    it('counts several images of a request for its unit, and the request once', async () => {
      const request = [0, 1, 2].map((index) => made(1, 'fp32', { id: idAt(START_MS + HOUR_MS, 7), index }));
      await deliver(request);
      expect((await report()).variants[0]).toMatchObject({ units: 1, requests: 1 });
    });

    it('compares by assigned variant, and says how many requests control answered instead', async () => {
      const records = Array.from({ length: 600 }, (_, unit) =>
        made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { latency_ms: 20 + (unit % 10) }),
      );
      const elsewhere = Array.from({ length: 10 }, (_, unit) =>
        made(2 * unit + 1, 'int8', { variant: 'fp32', latency_ms: 20 }),
      );
      await deliver([...records, ...elsewhere]);
      const found = await report();
      expect(found.variants[1]).toMatchObject({ units: 300, requests: 310 });
      expect(comparisonOf(found, 'latency_ms').why).toMatch(
        /fp32 answered 10 of 310 requests of int8, while it was not ready\.$/,
      );
    });

    it('says why there is no data', async () => {
      const why = async () => comparisonOf(await report(), 'latency_ms').why;
      const again = (weights: Weights = { fp32: 50, int8: 50 }) => start(weights);
      expect((await report()).sentence).toBe('No traffic since the experiment began.');
      await deliver([made(1, 'fp32')]);
      again();
      expect(await why()).toBe('No request of a unit of int8 yet.');
      await deliver([made(2, 'int8', { variant: 'fp32' })]);
      again();
      expect(await why()).toBe('int8 is not ready: another variant answered all 1 requests of its units.');
      await deliver([made(4, 'int8')]);
      again();
      expect(await why()).toBe(`Not enough data yet: 0 of ${MINIMUM_UNITS} units.`);
      expect(comparisonOf(await report(), 'reward').why).toBe(
        'Nobody sends a reward for predictions of fp32.',
      );
      expect(comparisonOf(await report(), 'reward').verdict).toBe('no_data');
    });

    it('starts again with another version under the same name', async () => {
      await deliver([made(1, 'fp32'), made(2, 'int8')]);
      await report();
      const { routing: table, ...snapshot } = routing.current();
      const changed = structuredClone(table);
      const variant = changed.models.net?.experiment.variants[1];
      if (variant) variant.version = 'int8-again';
      const next = { ...snapshot, routing: changed, changedAtMs: START_MS + 2 * HOUR_MS };
      experiments = createExperiments({
        readRecords: readRecords(open()),
        routing: { current: () => next, onChange: () => () => undefined },
        retentionMs: 1,
        now: () => NOW_MS,
      });
      expect((await report()).variants.map(({ requests }) => requests)).toEqual([0, 0]);
    });

    it('compares two treatments, each with the control of its time', async () => {
      start({ fp32: 40, int8: 30, tiny: 30 });
      const random = chance(3);
      const names = ['fp32', 'fp32', 'fp32', 'fp32', 'int8', 'int8', 'int8', 'tiny', 'tiny', 'tiny'];
      await deliver(
        Array.from({ length: 2000 }, (_, unit) => {
          const variant = names[unit % 10] ?? '';
          return made(unit, variant, { latency_ms: 20 + random() + (variant === 'tiny' ? 10 : 0) });
        }),
      );
      const found = await report();
      expect(comparisonOf(found, 'latency_ms', 'int8').verdict).toBe('no_difference_yet');
      expect(comparisonOf(found, 'latency_ms', 'tiny').verdict).toBe('worse');
      expect(found.sentence).toMatch(
        /^No difference between int8 and fp32 yet, in .*\. tiny answers .* slower/,
      );
      expect(found.srm.verdict).toBe('as_expected');
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

    it('takes one latency of each unit and ten minutes for p95', async () => {
      const records: PredictionRecord[] = [];
      for (let unit = 0; unit < 400; unit += 1) {
        const slow = unit % 2 === 1 && unit % 8 === 1 ? 500 : 20;
        for (let n = 0; n < 5; n += 1)
          records.push(made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { latency_ms: slow + n }));
      }
      await deliver(records);
      expect(comparisonOf(await report(), 'p95_ms')).toMatchObject({
        control: { units: 200 },
        units: 200,
        verdict: 'worse',
      });
    });

    it('counts the units that weights assigned in the last 24 hours, whatever the experiment', async () => {
      const told = made(1, 'fp32');
      await deliver([
        ...[1, 2, 3].flatMap((unit) => [made(unit, 'fp32'), made(unit, 'int8')]),
        made(4, 'fp32', { experiment: 'before' }),
        { ...told, id: idAt(NOW_MS, 77), unit: 'told', assigned_variant: null },
        { ...told, id: idAt(NOW_MS - DAY_MS - 1, 78), unit: 'yesterday' },
      ]);
      const recent = new RecentUnits(readRecords(open()), { ...systemClock, epochMs: () => NOW_MS });
      expect([await recent.of('net'), await recent.of('other')]).toEqual([4, 0]);
    });

    it('keeps looks, and thins them as they age', async () => {
      const records = Array.from({ length: 400 }, (_, unit) =>
        made(unit, unit % 2 === 0 ? 'fp32' : 'int8', { latency_ms: 20 + (unit % 7) }),
      );
      await deliver(records);
      await experiments.look('net');
      await experiments.look('net');
      const looks = await experiments.looks('net', 'latency_ms');
      expect(looks).toMatchObject([
        { at_ms: NOW_MS, variant: 'int8', units: 200, verdict: 'no_difference_yet' },
      ]);
      expect(looks[0]?.low).toBeCloseTo(comparisonOf(await report(), 'latency_ms').low ?? 0, 12);
      expect(await experiments.looks('net', 'reward')).toEqual([]);
      await open().query(
        `INSERT INTO experiment_looks SELECT 'net', 'exp', 'latency_ms', 'int8', $1::timestamptz - n * interval '20 minutes', 1, 0, -1, 1, 'no_data'
         FROM generate_series(1, 3000) n`,
        [new Date(NOW_MS)],
      );
      await experiments.thin();
      const left = await experiments.looks('net', 'latency_ms');
      // Three an hour of 3 hours, one an hour of a week, one a day of the other 34 days.
      expect(left.length).toBeGreaterThan(9 + 160 + 30);
      expect(left.length).toBeLessThan(9 + 170 + 40);
      expect(left.at(-1)?.at_ms).toBe(NOW_MS);
    });

    it('knows only experiments that were in the routing table', async () => {
      await report();
      await expect(experiments.report('net', { experiment: 'nothing' })).rejects.toMatchObject({
        reason: 'not_found',
      });
      for (const model of ['__proto__', 'constructor', `'; DROP TABLE predictions; --`, '\u0000', '']) {
        await expect(experiments.report(model)).rejects.toMatchObject({ reason: 'not_found' });
      }
      routing.change({ fp32: 50, int8: 50 }, NOW_MS - 1000, 'next');
      await expect(report()).resolves.toMatchObject({ experiment: 'next' });
      await expect(experiments.report('net', { experiment: 'exp' })).resolves.toMatchObject({
        experiment: 'exp',
      });
    });

    it('exports one line for each metric and variant', async () => {
      await deliver([made(1, 'fp32'), made(2, 'int8')]);
      const [head, ...lines] = (await experiments.csv('net')).trim().split('\r\n');
      expect(head).toMatch(/^model,experiment,at,level,metric,variant,role,units,value,standard_error,/);
      expect(lines).toHaveLength(10);
      expect(lines[2]).toMatch(/^net,exp,.*,0\.95,latency_ms,fp32,control,1,12\.5,/);
      expect(new Set(lines.map((line) => line.split(',').length))).toEqual(new Set([15]));
    });
  });
}
