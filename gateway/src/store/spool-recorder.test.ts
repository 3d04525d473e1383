import { createHash } from 'node:crypto';
import { outcomeRecordSchema, predictionRecordSchema } from '@headgate/contracts/records';
import type { Payload } from '@headgate/journal/spool/spool';
import { idAt, NOW_MS, sketchOf } from '@headgate/stores/testing/records';
import { expect, it } from 'vitest';
import type { Capture } from '../capture/capture.ts';
import type { SeenPrediction } from './recorder.ts';
import { spoolRecorder } from './spool-recorder.ts';

const IMAGE = Buffer.from('an image');

const PREDICTION: SeenPrediction = {
  id: idAt(NOW_MS),
  index: 1,
  atMs: NOW_MS,
  keyId: 'client01',
  requestId: 'r-1',
  traceId: 'a'.repeat(32),
  choice: {
    model: 'net',
    version: '1',
    variant: 'control',
    assignedVariant: 'treatment',
    experiment: 'exp',
    unit: 'user-7',
  },
  outcome: 'ok',
  latencyMs: 1.23456,
  top: [
    { label: 'tiger cat', class_id: 282, score: 0.38511 },
    { label: 'Egyptian cat', class_id: 285, score: 0.36 },
  ],
  image: IMAGE,
  sketch: { ...sketchOf(), sharpness: 0.00123456, brightness: 1 / 3 },
};

/** What a recorder with this key writes. */
function recorded(hashKey = Buffer.alloc(32, 1), capture?: Capture) {
  const texts: string[] = [];
  const keep = (payload: Payload) =>
    texts.push(Buffer.from(typeof payload === 'function' ? payload() : payload).toString());
  const spool = {
    append: (payload: Payload) => void keep(payload),
    appendDurable: async (payload: Payload) => keep(payload),
  };
  return { texts, recorder: spoolRecorder({ spool, hashKey, retentionMs: 1, wantsSketches: true, capture }) };
}

it('writes records of the schema, with digest instead of image', () => {
  const { texts, recorder } = recorded();
  recorder.prediction(PREDICTION);
  const record = predictionRecordSchema.parse(JSON.parse(texts[0] ?? ''));
  expect(record).toMatchObject({
    id: PREDICTION.id,
    index: 1,
    variant: 'control',
    assigned_variant: 'treatment',
    experiment: 'exp',
    latency_ms: 1.235,
    label: 'tiger cat',
    image_sha256: createHash('sha256').update(IMAGE).digest('hex'),
    image_bytes: IMAGE.byteLength,
    top_class_ids: [282, 285],
    top_scores: [0.3851, 0.36],
    sketch: { ...sketchOf(), sharpness: 0.001235, brightness: 0.3333 },
  });
});

it('writes predictions whose scores are no numbers without them', () => {
  const { texts, recorder } = recorded();
  recorder.prediction({ ...PREDICTION, top: [{ label: 'tiger cat', class_id: 282, score: Number.NaN }] });
  expect(predictionRecordSchema.parse(JSON.parse(texts[0] ?? ''))).toMatchObject({
    label: 'tiger cat',
    score: null,
    top_class_ids: [282],
    top_scores: null,
  });
});

it('writes failures without a label', () => {
  const { texts, recorder } = recorded();
  recorder.prediction({ ...PREDICTION, outcome: 'overloaded', top: [], sketch: undefined });
  expect(predictionRecordSchema.parse(JSON.parse(texts[0] ?? ''))).toMatchObject({
    outcome: 'overloaded',
    label: null,
    score: null,
    top_class_ids: null,
    sketch: null,
  });
});

it('never writes the name of a unit or of a key, and hashes them differently with every key and purpose', async () => {
  const { texts, recorder } = recorded();
  const choice = { ...PREDICTION.choice, unit: 'client01' };
  recorder.prediction({ ...PREDICTION, choice });
  await recorder.outcome({
    id: PREDICTION.id,
    index: 1,
    atMs: 1,
    keyId: 'client01',
    label: 'a',
    classId: null,
    reward: -0.5,
  });
  expect(texts.join()).not.toContain('client01');
  const prediction = predictionRecordSchema.parse(JSON.parse(texts[0] ?? ''));
  const outcome = outcomeRecordSchema.parse(JSON.parse(texts[1] ?? ''));
  expect(outcome.tenant).toBe(prediction.tenant);
  expect(prediction.unit).not.toBe(prediction.tenant);
  const other = recorded(Buffer.alloc(32, 2));
  other.recorder.prediction(PREDICTION);
  expect(predictionRecordSchema.parse(JSON.parse(other.texts[0] ?? '')).tenant).not.toBe(prediction.tenant);
});

it('offers the image of a sampled request for capture, under the names that its record has', () => {
  const kept: unknown[] = [];
  const asked: string[] = [];
  const capture: Capture = {
    wants: (model, requestId) => asked.push(`${model} ${requestId}`) > 0 && requestId === 'r-1',
    keep: (key, image) => void kept.push({ ...key, image }),
  };
  const { texts, recorder } = recorded(undefined, capture);
  recorder.prediction(PREDICTION);
  recorder.prediction({ ...PREDICTION, requestId: 'r-2' });
  const { unit, image_sha256 } = predictionRecordSchema.parse(JSON.parse(texts[0] ?? ''));
  expect(kept).toEqual([
    { day: new Date(NOW_MS).toISOString().slice(0, 10), unit, sha256: image_sha256, image: IMAGE },
  ]);
  expect(asked).toEqual(['net r-1', 'net r-2']);
  recorder.prediction({ ...PREDICTION, outcome: 'undecodable_image', top: [] });
  recorder.prediction({ ...PREDICTION, image: null });
  expect(kept).toHaveLength(1);
});
