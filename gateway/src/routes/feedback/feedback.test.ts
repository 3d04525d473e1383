import { HeadgateError } from '@headgate/contracts/errors';
import { DAY_MS } from '@headgate/runtime/clock';
import { idAt } from '@headgate/stores/testing/records';
import { expect, it } from 'vitest';
import type { Recorder, SeenOutcome, SeenPrediction } from '../../store/recorder.ts';
import { fixture, KEYS } from '../../testing/app-fixture.ts';
import { pngHeader } from '../../testing/images.ts';
import { predictAnswerSchema } from '../predict/schema.ts';
import { feedbackAnswerSchema } from './schema.ts';

async function recording() {
  const outcomes: SeenOutcome[] = [];
  const predictions: SeenPrediction[] = [];
  const recorder: Recorder = {
    wantsSketches: false,
    prediction: (seen) => predictions.push(seen),
    shadow: () => undefined,
    outcome: async (seen) => void outcomes.push(seen),
    retentionMs: 90 * DAY_MS,
  };
  const app = await fixture({ recorder });
  const give = (body: unknown) =>
    app.send('/v1/feedback', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { ...app, give, outcomes, predictions };
}

it('keeps what a caller says about one of its predictions, under its key', async () => {
  const { send, give, outcomes, predictions } = await recording();
  const predicted = predictAnswerSchema.parse(
    await (
      await send('/predict', {
        method: 'POST',
        headers: { 'content-type': 'image/png' },
        body: pngHeader(1, 1),
      })
    ).json(),
  );
  expect(predictions).toMatchObject([
    { id: predicted.id, index: 0, outcome: 'ok', keyId: 'bench001', top: [{ label: 'tiger cat' }] },
  ]);
  const response = await give({ prediction_id: predicted.id, label: 'tiger cat', class_id: 282 });
  expect(response.status).toBe(202);
  const answer = await response.json();
  expect(feedbackAnswerSchema.parse(answer)).toEqual({ prediction_id: predicted.id, index: 0 });
  expect(outcomes).toMatchObject([
    { id: predicted.id, index: 0, keyId: 'bench001', label: 'tiger cat', classId: 282 },
  ]);
});

it('keeps a reward beside a judgement or alone', async () => {
  const { give, outcomes } = await recording();
  const prediction_id = idAt(Date.now());
  expect((await give({ prediction_id, reward: -2.5 })).status).toBe(202);
  expect((await give({ prediction_id, label: 'cat', reward: 1 })).status).toBe(202);
  expect(outcomes).toMatchObject([
    { label: null, classId: null, reward: -2.5 },
    { label: 'cat', classId: null, reward: 1 },
  ]);
});

it('records the refused image of a request under its own index', async () => {
  const { send, predictions } = await recording();
  const form = new FormData();
  for (const image of ['no image', pngHeader(1, 1)]) form.append('image', new Blob([image]), 'a.png');
  await send('/predict', { method: 'POST', body: form, headers: { 'x-headgate-unit': 'user-7' } });
  expect(predictions.map(({ index, outcome }) => [index, outcome]).sort()).toEqual([
    [0, 'unsupported_media_type'],
    [1, 'ok'],
  ]);
  expect(predictions[0]?.choice).toMatchObject({ experiment: 'exp', unit: 'user-7' });
});

it.each([
  ['no JSON', '{'],
  ['neither label, class nor reward', { prediction_id: idAt(Date.now()) }],
  ['an id of another version', { prediction_id: crypto.randomUUID(), label: 'a' }],
  ['an unknown member', { prediction_id: idAt(Date.now()), label: 'a', tennant: 'x' }],
  ['a negative index', { prediction_id: idAt(Date.now()), index: -1, label: 'a' }],
  ['a reward that is no number', `{"prediction_id":"${idAt(Date.now())}","reward":NaN}`],
  ['a reward without end', `{"prediction_id":"${idAt(Date.now())}","reward":1e999}`],
  ['an enormous reward', { prediction_id: idAt(Date.now()), reward: -1.1e9 }],
  ['a prediction that is not kept any more', { prediction_id: idAt(Date.now() - 91 * DAY_MS), label: 'a' }],
  ['a prediction of the future', { prediction_id: idAt(Date.now() + DAY_MS), label: 'a' }],
])('refuses %s', async (_what, body) => {
  const { give, outcomes } = await recording();
  const response = await give(body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ reason: 'invalid_request' });
  expect(outcomes).toEqual([]);
});

it('refuses feedback of unlikely size', async () => {
  const { give } = await recording();
  expect((await give({ prediction_id: idAt(Date.now()), label: 'a'.repeat(20_000) })).status).toBe(413);
});

it('needs a key', async () => {
  const { send } = await recording();
  const { status } = await send('/v1/feedback', {
    method: 'POST',
    headers: { 'x-api-key': `${KEYS.client}x` },
  });
  expect(status).toBe(403);
});

it('answers 503 where the feedback cannot be kept, and where nothing is kept at all', async () => {
  const recorder: Recorder = {
    wantsSketches: false,
    prediction: () => undefined,
    shadow: () => undefined,
    outcome: () => Promise.reject(new HeadgateError('records_unavailable', 'full')),
    retentionMs: DAY_MS,
  };
  for (const deps of [{ recorder }, {}]) {
    const { send } = await fixture(deps);
    const response = await send('/v1/feedback', {
      method: 'POST',
      body: JSON.stringify({ prediction_id: idAt(Date.now()), label: 'a' }),
    });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ reason: 'records_unavailable' });
  }
});
