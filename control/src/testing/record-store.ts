import { RECORD_VERSION, type StoredRecord } from '@headgate/contracts/records';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Queryable } from '@headgate/stores/postgres/database';
import { shadowSums } from '@headgate/stores/records/shadows';
import { type RecordSink, RecordsRefusedError } from '@headgate/stores/records/sink';
import {
  copyRunOf,
  idAt,
  NOW_MS,
  outcomeOf,
  predictionOf,
  shadowOf,
  sketchOf,
} from '@headgate/stores/testing/records';
import { beforeEach, describe, expect, it } from 'vitest';

export interface SinkUnderTest {
  readonly sink: Pick<RecordSink, 'deliver'>;
  /** The database behind it. */
  readonly db: Queryable;
}

/** Names of tables cannot be parameters, so each statement stands here as a whole. */
const COUNT = {
  predictions: 'SELECT count(*)::int AS n FROM predictions',
  outcomes: 'SELECT count(*)::int AS n FROM outcomes',
  shadows: 'SELECT count(*)::int AS n FROM shadows',
  gaps: 'SELECT count(*)::int AS n FROM gaps',
} as const;
const EMPTY = [
  'DELETE FROM predictions',
  'DELETE FROM outcomes',
  'DELETE FROM shadows',
  'DELETE FROM gaps',
] as const;

/** Removes every record. */
export async function emptyStore(db: Queryable): Promise<void> {
  for (const statement of EMPTY) await db.query(statement, []);
}

const signal = new AbortController().signal;

/** How often a variant was right, among the predictions that somebody judged. */
interface Accuracy {
  readonly model: string;
  readonly version: string;
  readonly variant: string | null;
  readonly judged: number;
  readonly right: number;
}

const ACCURACY = `
  SELECT p.model, p.version, p.variant, count(*)::int AS judged, count(*) FILTER (
    WHERE (o.label IS NULL OR o.label = p.label) AND (o.class_id IS NULL OR o.class_id = p.class_id)
  )::int AS right
  FROM predictions p JOIN outcomes o
    ON o.predicted_at = p.at AND o.prediction_id = p.id AND o.index = p.index AND o.tenant = p.tenant
  WHERE p.at >= $1 AND p.outcome = 'ok'
  GROUP BY p.model, p.version, p.variant ORDER BY p.model, p.version`;

/** Of all variants, among predictions since then. */
async function accuracyOf(db: Queryable, since: Date): Promise<readonly Accuracy[]> {
  const { rows } = await db.query(ACCURACY, [since]);
  return rows as readonly Accuracy[];
}

/** What every sink promises, whichever database and way lies behind it. Its clock stands at NOW_MS, 90 days are kept. */
export function describeSink(name: string, open: () => SinkUnderTest): void {
  const deliver = (...records: StoredRecord[]) => open().sink.deliver(records, signal);
  const count = async (table: keyof typeof COUNT) => {
    const { rows } = await open().db.query(COUNT[table], []);
    return (rows[0] as { n: number }).n;
  };
  const accuracy = () => accuracyOf(open().db, new Date(NOW_MS - 90 * DAY_MS));

  describe(name, () => {
    beforeEach(async () => {
      await deliver();
      await emptyStore(open().db);
    });

    it('keeps every field of a prediction', async () => {
      await deliver(predictionOf());
      const { rows } = await open().db.query('SELECT * FROM predictions', []);
      const { type, v, at_ms, sketch, ...columns } = predictionOf();
      const { version, width, height, ...tones } = sketchOf();
      const sketched = { sketch_version: version, image_width: width, image_height: height, ...tones };
      expect(rows).toEqual([{ ...columns, ...sketched, at: new Date(NOW_MS) }]);
    });

    it('keeps every field of feedback', async () => {
      const feedback = { class_id: 7, reward: -2.5 };
      await deliver(outcomeOf(feedback));
      const { rows } = await open().db.query('SELECT * FROM outcomes', []);
      const { type, v, id, at_ms, ...columns } = outcomeOf(feedback);
      const times = { predicted_at: new Date(NOW_MS), at: new Date(at_ms) };
      expect(rows).toEqual([{ ...columns, prediction_id: id, ...times }]);
    });

    it('keeps predictions that had no image, and none of whose pixels was seen', async () => {
      const nothing = { image_sha256: null, image_bytes: null, top_class_ids: null, top_scores: null };
      await deliver(predictionOf({ ...nothing, sketch: null }));
      const { rows } = await open().db.query('SELECT * FROM predictions', []);
      expect(rows).toMatchObject([{ ...nothing, sketch_version: null, features: null }]);
    });

    it('keeps every field of a comparison, and what was not compared', async () => {
      await deliver(shadowOf(), shadowOf({ index: 1, outcome: 'dropped', shadow: null, noise: null }));
      const { rows } = await open().db.query('SELECT * FROM shadows ORDER BY index', []);
      const { type, v, at_ms, shadow, noise, ...columns } = shadowOf();
      const runs = {
        shadow_score: 0.25,
        shadow_agrees: true,
        shadow_score_change: -0.135,
        noise_latency_ms: 20,
      };
      expect(rows).toMatchObject([
        { ...columns, ...runs, at: new Date(NOW_MS), shadow_label: 'tiger cat', noise_class_id: 282 },
        { index: 1, outcome: 'dropped', shadow_label: null, shadow_agrees: null, noise_agrees: null },
      ]);
    });

    it('sums the comparisons of a shadow', async () => {
      const other = copyRunOf({ label: 'lynx', agrees: false, score_change: -0.25, latency_ms: 30 });
      await deliver(
        shadowOf(),
        shadowOf({ index: 1, shadow: other }),
        shadowOf({ index: 2, outcome: 'internal', shadow: null }),
      );
      const asked = { model: 'net', version: '1', fromMs: NOW_MS };
      expect(await shadowSums(open().db, asked)).toMatchObject({
        sums: [
          {
            shadow_version: '2',
            since: new Date(NOW_MS),
            compared: 2,
            agreed: 1,
            dropped: 0,
            failed: 1,
            only_shadow_differs: 1,
            only_noise_differs: 0,
            shadow_latency: [20, 29],
            control_latency: [20, 20],
          },
        ],
        pairs: [{ shadow_version: '2', control: 'tiger cat', shadow: 'lynx', count: 1 }],
      });
    });

    it('keeps a record that is delivered again once', async () => {
      const gap = {
        type: 'gap',
        v: RECORD_VERSION,
        writer: 'w',
        sequence: 1,
        dropped: 2,
        from_ms: 1,
        to_ms: 2,
        cause: 'bound',
      } as const;
      const shadows = [shadowOf(), shadowOf({ shadow_version: '3' })];
      const records = [predictionOf(), predictionOf({ index: 1 }), outcomeOf(), ...shadows, gap];
      await deliver(...records, ...records);
      await deliver(...records);
      const counts = [await count('predictions'), await count('outcomes'), await count('gaps')];
      expect([...counts, await count('shadows')]).toEqual([2, 1, 1, 2]);
    });

    it('takes thousands at once', async () => {
      const records = Array.from({ length: 2500 }, (_, n) => predictionOf({ id: idAt(NOW_MS, n) }));
      await deliver(...records);
      expect(await count('predictions')).toBe(2500);
    });

    it('joins feedback to its prediction, however late, and counts what was right for each variant', async () => {
      const made = (n: number, changes = {}) =>
        predictionOf({ id: idAt(NOW_MS - 40 * DAY_MS, n), ...changes });
      const said = (n: number, changes = {}) => outcomeOf({ id: idAt(NOW_MS - 40 * DAY_MS, n), ...changes });
      await deliver(said(1));
      const treatment = { version: '2', variant: 'treatment' };
      await deliver(made(1), made(2), made(3), made(4, treatment), made(5, treatment));
      await deliver(said(2, { label: null, class_id: 282 }), said(3, { label: 'dog' }));
      await deliver(said(4, { class_id: 283 }));
      expect(await accuracy()).toEqual([
        { model: 'net', version: '1', variant: 'control', judged: 3, right: 2 },
        { model: 'net', version: '2', variant: 'treatment', judged: 1, right: 0 },
      ]);
    });

    it('keeps the first word about a prediction, and ignores what another tenant says', async () => {
      await deliver(predictionOf(), outcomeOf({ tenant: 'f'.repeat(32), label: 'dog' }));
      expect(await accuracy()).toEqual([]);
      await deliver(outcomeOf(), outcomeOf({ label: 'dog', at_ms: NOW_MS + 5000 }));
      expect(await accuracy()).toMatchObject([{ judged: 1, right: 1 }]);
    });

    it('keeps the first judgement and the first reward, together or apart', async () => {
      const judged = outcomeOf({ label: null, class_id: 282 });
      const rewarded = outcomeOf({ label: null, reward: 1.5, at_ms: NOW_MS + 5000 });
      const late = outcomeOf({ label: 'dog', class_id: 1, reward: 9, at_ms: NOW_MS + 9000 });
      const kept = { label: null, class_id: 282, reward: 1.5, at: new Date(judged.at_ms) };
      const rows = async () => (await open().db.query('SELECT * FROM outcomes', [])).rows;
      for (const record of [judged, rewarded, late, judged]) await deliver(record);
      expect(await rows()).toMatchObject([kept]);
      await emptyStore(open().db);
      await deliver(judged, rewarded, late);
      expect(await rows()).toMatchObject([kept]);
      await emptyStore(open().db);
      await deliver(rewarded);
      await deliver(judged);
      expect(await rows()).toMatchObject([{ ...kept, at: new Date(rewarded.at_ms) }]);
    });

    it('takes text as text: quotes, SQL, and characters that databases dislike', async () => {
      const label = `'); DROP TABLE predictions; -- "$1" \u0000 ü 🐈`;
      await deliver(predictionOf({ label }));
      const { rows } = await open().db.query('SELECT label FROM predictions', []);
      expect(rows).toEqual([{ label: label.replace('\u0000', '\ufffd') }]);
    });

    it('refuses for ever what breaks a constraint', async () => {
      const { db } = open();
      await db.script('ALTER TABLE outcomes ADD CONSTRAINT test_known CHECK (class_id < 1000)');
      try {
        await expect(deliver(outcomeOf({ class_id: 1000 }))).rejects.toThrow(RecordsRefusedError);
      } finally {
        await db.script('ALTER TABLE outcomes DROP CONSTRAINT test_known');
      }
    });

    it('makes its tables again where the database was replaced by an empty one', async () => {
      const { db } = open();
      await db.script(
        'DROP TABLE predictions, outcomes, shadows, gaps, experiment_epochs, experiment_looks, headgate_migrations CASCADE',
      );
      await deliver(predictionOf()).catch(() => undefined);
      await deliver(predictionOf());
      expect(await count('predictions')).toBe(1);
    });

    it('gives each day a partition, and takes unlikely times all the same', async () => {
      const days = [NOW_MS, NOW_MS - DAY_MS, NOW_MS + 400 * DAY_MS, NOW_MS - 4000 * DAY_MS];
      await deliver(...days.map((at) => predictionOf({ id: idAt(at) })));
      const { rows } = await open().db.query(
        'SELECT tableoid::regclass::text AS name FROM predictions ORDER BY name',
        [],
      );
      expect(rows).toEqual([
        { name: 'predictions_20241003' },
        { name: 'predictions_20241004' },
        { name: 'predictions_other' },
        { name: 'predictions_other' },
      ]);
    });
  });
}
