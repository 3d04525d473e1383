import type { PredictionRecord, StoredRecord } from '@headgate/contracts/records';
import type { Queryable } from '@headgate/stores/postgres/database';
import { accuracyByVersion } from '@headgate/stores/records/accuracy';
import { trafficOf } from '@headgate/stores/records/experiment';
import { idAt, NOW_MS, outcomeOf } from '@headgate/stores/testing/records';
import { beforeEach, describe, expect, it } from 'vitest';
import { MINIMUM_UNITS } from '../statistics/verdict.ts';
import {
  chance,
  comparisonOf,
  emptyExperiments,
  experimentBench,
  HOUR_MS,
  made,
  START_MS,
  type Weights,
} from './experiment-bench.ts';
import { itFollowsTheSplit } from './experiment-splits.ts';

/** What an analysis in a store finds, whichever database it is. Its clock stands at NOW_MS. */
export function describeExperiments(name: string, open: () => Queryable): void {
  const bench = experimentBench(open);
  const { deliver, start, report } = bench;

  describe(name, () => {
    beforeEach(async () => {
      start({ fp32: 50, int8: 50 });
      await emptyExperiments(open());
    });

    itFollowsTheSplit(bench);

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
        verdict: 'not_enough_data',
        low: null,
        why: `Not enough data yet: 1 of ${MINIMUM_UNITS} units of int8.`,
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

    it('takes feedback for no judgement where the answer has no such field', async () => {
      const unnamed = { label: null, class_id: 7 };
      const records = Array.from({ length: 400 }, (_, unit) =>
        made(unit, unit % 2 === 0 ? 'fp32' : 'int8', unnamed),
      );
      const byLabel = records.map(({ id }) => outcomeOf({ id, label: 'dog', class_id: null }));
      await deliver([...records, ...byLabel]);
      expect(comparisonOf(await report(), 'accuracy')).toMatchObject({ units: 0, verdict: 'no_data' });
      expect(await accuracyByVersion(bench.open(), { model: 'net', fromMs: 0, toMs: NOW_MS })).toEqual([]);
    });

    it('takes a reward alone for no judgement', async () => {
      const records = Array.from({ length: 500 }, (_, unit) => made(unit, unit % 2 === 0 ? 'fp32' : 'int8'));
      const rewards = records.slice(0, 300).map(({ id }, n) => outcomeOf({ id, label: null, reward: n % 7 }));
      await deliver([...records, ...rewards]);
      const found = await report();
      expect(comparisonOf(found, 'accuracy').why).toBe(
        'Nobody has sent feedback with a label or class about predictions of fp32.',
      );
      expect(comparisonOf(found, 'reward')).toMatchObject({
        verdict: 'no_difference_yet',
        left_out: 'Units left out: 100 of fp32 and 100 of int8 without a reward.',
      });
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
      expect(found.variants[1]).toMatchObject({ units: 300, requests: 310, elsewhere: 10 });
    });

    it('says why there is no data', async () => {
      const why = async () => comparisonOf(await report(), 'latency_ms').why;
      const again = (weights: Weights = { fp32: 50, int8: 50 }) => start(weights);
      expect((await report()).sentence).toBe('No traffic since the experiment began.');
      await deliver([made(1, 'fp32')]);
      again();
      expect(await why()).toBe('No unit of int8 has sent a request yet.');
      await deliver([made(2, 'int8', { variant: 'fp32' })]);
      again();
      expect(await why()).toBe('int8 is not ready: another variant answered the only request of its units.');
      await deliver([made(4, 'int8')]);
      again();
      expect(await why()).toBe(`Not enough data yet: 1 of ${MINIMUM_UNITS} units of fp32.`);
      expect(comparisonOf(await report(), 'reward').why).toBe(
        'Nobody has sent a reward for predictions of fp32.',
      );
      bench.routing.change({ fp32: 100, int8: 0 }, START_MS + 2 * HOUR_MS);
      expect(await why()).toMatch(/^Not enough data: 1 of .* int8 has a weight of 0 %\. Give it a weight/);
      expect(comparisonOf(await report(), 'reward').verdict).toBe('no_data');
    });

    it('compares nothing of variants that never had weight at the same time', async () => {
      start({ fp32: 100, int8: 0 });
      expect(comparisonOf(await report(), 'latency_ms').why).toBe('No unit of fp32 has sent a request yet.');
      await deliver([made(1, 'fp32'), made(2, 'int8', { afterMs: 3 * HOUR_MS })]);
      bench.routing.change({ fp32: 0, int8: 100 }, START_MS + 2 * HOUR_MS);
      const why = 'fp32 and int8 have not had weight at the same time. fp32 has a weight of 0 %. Give it';
      expect((await report()).sentence).toContain(why);
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

    it('takes one latency of each unit for p95, of its first ten minutes', async () => {
      const records: PredictionRecord[] = [];
      for (let unit = 0; unit < 400; unit += 1) {
        const slow = unit % 2 === 1 && unit % 8 === 1 ? 500 : 20;
        const variant = unit % 2 === 0 ? 'fp32' : 'int8';
        records.push(made(unit, variant, { outcome: 'internal', latency_ms: 1 }));
        for (let n = 0; n < 5; n += 1) records.push(made(unit, variant, { latency_ms: slow + n }));
        records.push(made(unit, variant, { latency_ms: 9000, afterMs: 2 * HOUR_MS }));
      }
      await deliver(records);
      expect(comparisonOf(await report(), 'p95_ms')).toMatchObject({
        control: { units: 200 },
        units: 200,
        verdict: 'worse',
      });
    });

    it('chooses that latency by chance, in one epoch only, and never another one', async () => {
      const [slotMs, latest] = [600_000, START_MS + 2 * HOUR_MS];
      const latencies = async (untilMs: number) => {
        const period = { model: 'net', experiment: 'exp', epochs: [START_MS, latest], toMs: NOW_MS };
        return (await trafficOf(open(), period, [], { ms: slotMs, fromMs: latest, untilMs })).latencies.get(
          'fp32',
        );
      };
      const at = (afterMs: number, latency_ms: number) =>
        Array.from({ length: 300 }, (_, unit) => made(unit, 'fp32', { latency_ms, afterMs }));
      const first = [1, 2, 3].flatMap((ms) => at(2 * HOUR_MS + (ms - 1) * 299_999, ms));
      await deliver([...at(2 * HOUR_MS - 1, 7), ...first, ...at(2 * HOUR_MS + slotMs, 8)]);
      expect(await latencies(latest)).toBeUndefined();
      const chosen = (await latencies(latest + slotMs)) ?? [];
      expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
      const counts = [1, 2, 3].map((ms) => chosen.filter((of) => of === ms).length);
      expect(counts.reduce((sum, count) => sum + count)).toBe(300);
      expect(Math.min(...counts)).toBeGreaterThan(60);
      await deliver(at(4 * HOUR_MS, 9));
      expect(await latencies(NOW_MS)).toEqual(chosen);
    });
  });
}
