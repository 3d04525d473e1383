import type { AuditRow, SketchRow } from '@headgate/contracts/admin/api';
import type { PredictionRecord, StoredRecord } from '@headgate/contracts/records';
import type { Queryable } from '@headgate/stores/postgres/database';
import { sketchCursorSchema, sketchPage } from '@headgate/stores/records/sketches';
import { idAt, NOW_MS, outcomeOf, sketchOf } from '@headgate/stores/testing/records';
import { beforeEach, describe, expect, it } from 'vitest';
import { accuracyOf } from '../experiments/accuracy.ts';
import { requestView } from '../experiments/request-view.ts';
import { deliverTo, emptyExperiments, HOUR_MS, made, START_MS } from './experiment-bench.ts';

/** What is found of single requests in a store, whichever database it is. */
export function describeRequests(name: string, open: () => Queryable): void {
  const deliver = (records: readonly StoredRecord[]) => deliverTo(open(), records);

  describe(name, () => {
    beforeEach(() => emptyExperiments(open()));

    it('tells the accuracy of each version by unit, from feedback of the tenant alone', async () => {
      const records: StoredRecord[] = [];
      for (let unit = 0; unit < 20; unit += 1) {
        for (let n = 0; n < 1 + (unit % 3); n += 1) {
          const prediction = made(unit, unit % 2 === 0 ? 'fp32' : 'int8');
          records.push(prediction, outcomeOf({ id: prediction.id, label: unit === 0 ? 'dog' : 'tiger cat' }));
          records.push(outcomeOf({ id: prediction.id, tenant: 'e'.repeat(32), label: 'dog' }));
        }
      }
      const rewarded = made(99, 'fp32');
      records.push(rewarded, outcomeOf({ id: rewarded.id, label: null, reward: 1 }));
      await deliver(records);
      const query = { model: 'net', fromMs: START_MS, toMs: NOW_MS };
      const rows = await accuracyOf(open(), query);
      expect(rows.map(({ version, judged, correct }) => [version, judged, correct])).toEqual([
        ['fp32', 19, 18],
        ['int8', 20, 20],
      ]);
      for (const { low, accuracy, high } of rows) {
        expect(low).toBeLessThan(accuracy);
        expect(accuracy).toBeLessThanOrEqual(high);
        expect(high).toBeLessThanOrEqual(1);
      }
      expect(await accuracyOf(open(), { ...query, model: undefined })).toHaveLength(2);
      expect(await accuracyOf(open(), { ...query, model: `'; --` })).toEqual([]);
      expect(await accuracyOf(open(), { ...query, toMs: START_MS })).toEqual([]);
    });

    it('finds a request by the id of its prediction, its request id and its trace id, with its audit records', async () => {
      const [first, second] = [0, 1].map((index) =>
        made(1, 'int8', { id: idAt(START_MS + HOUR_MS, 5), index, request_id: 'r-5', trace_id: 't-5' }),
      ) as [PredictionRecord, PredictionRecord];
      await deliver([first, second, outcomeOf({ id: first.id, index: 1, reward: 2 }), made(2, 'fp32')]);
      const called = { at_ms: START_MS + HOUR_MS, seq: 7 } as AuditRow;
      const other = { at_ms: START_MS, seq: 3 } as AuditRow;
      const auditOf = async (id: string) =>
        id === 'r-5' || id === 't-5' || id === 'r-only-audited' ? [called, other] : [];
      const view = (id: string) => requestView({ db: open(), auditOf, now: () => NOW_MS }, id);
      const found = await view(first.id.toUpperCase());
      expect(found).toMatchObject({
        id: first.id,
        found_by: 'id',
        request_id: 'r-5',
        trace_id: 't-5',
        audit: [called],
      });
      expect(found.items).toMatchObject([
        { index: 0, variant: 'int8', feedback: null },
        { index: 1, feedback: { label: 'tiger cat', reward: 2, at_ms: NOW_MS + 1000 } },
      ]);
      expect(await view('r-5')).toEqual({ ...found, found_by: 'request_id' });
      expect(await view('t-5')).toEqual({ ...found, found_by: 'trace_id' });
      expect(await view('r-only-audited')).toMatchObject({ items: [], audit: [other, called] });
      for (const id of [idAt(NOW_MS, 1), 'r-6', '../../etc/passwd', '\u0000', "'; --", 'ä', '']) {
        await expect(view(id)).rejects.toMatchObject({ reason: 'not_found' });
      }
    });

    it('gives the sketches of a model and a time, page by page, each once', async () => {
      const sketched = Array.from({ length: 5 }, (_, n) =>
        made(n, n % 2 === 0 ? 'fp32' : 'int8', {
          id: idAt(START_MS + (n === 4 ? 2 : 1) * HOUR_MS, 100 + n),
          sketch: sketchOf({ width: 100 + n, brightness: 0.25 }),
        }),
      );
      const failed = { outcome: 'internal', label: null, class_id: null, score: null } as const;
      const others = [{}, { sketch: sketchOf(), model: 'other' }, { sketch: sketchOf(), ...failed }];
      await deliver([...sketched, ...others.map((changes) => made(9, 'fp32', changes))]);
      const query = { model: 'net', fromMs: START_MS, toMs: NOW_MS, limit: 2 };
      const rows: SketchRow[] = [];
      let next: string | null | undefined;
      while (next !== null) {
        const after = next === undefined ? undefined : sketchCursorSchema.parse(next);
        const page = await sketchPage(open(), { ...query, after });
        expect(page.rows.length).toBeLessThanOrEqual(2);
        rows.push(...page.rows);
        next = page.next;
      }
      expect(rows.map(({ id, version, sketch }) => [id, version, sketch.width])).toEqual(
        sketched.map(({ id, version, sketch }) => [id, version, sketch?.width]),
      );
      expect(rows[0]).toEqual({
        at_ms: START_MS + HOUR_MS,
        id: sketched[0]?.id,
        index: 0,
        version: 'fp32',
        image_sha256: 'c'.repeat(64),
        class_id: 282,
        score: 0.385,
        label: 'tiger cat',
        sketch: sketched[0]?.sketch,
      });
      const early = { ...query, toMs: START_MS + 2 * HOUR_MS, limit: 9, after: undefined };
      expect((await sketchPage(open(), early)).rows).toHaveLength(4);
    });

    it('finds a request without an audit log among those of the last day', async () => {
      await deliver([
        made(1, 'fp32', { request_id: 'again' }),
        made(2, 'int8', { request_id: 'again', afterMs: 2 * HOUR_MS }),
        made(3, 'fp32', { request_id: 'old', afterMs: -20 * HOUR_MS }),
      ]);
      const view = (id: string) =>
        requestView({ db: open(), auditOf: async () => [], now: () => NOW_MS }, id);
      expect((await view('again')).items).toMatchObject([{ variant: 'int8' }]);
      await expect(view('old')).rejects.toMatchObject({ reason: 'not_found' });
    });
  });
}
