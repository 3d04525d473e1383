import { outcomeRecordSchema, predictionRecordSchema } from '@headgate/contracts/records';
import { expect, it } from 'vitest';
import { outcomeOf, predictionOf } from '../testing/records.ts';

it('reads predictions that were written before there were sketches', () => {
  const { sketch, top_class_ids, top_scores, request_id, ...old } = predictionOf();
  expect(predictionRecordSchema.parse({ ...old, v: 1 })).toEqual({
    ...old,
    v: 1,
    sketch: null,
    top_class_ids: null,
    top_scores: null,
    request_id: null,
  });
});

it('reads feedback that was written before there were rewards', () => {
  const { reward, ...old } = outcomeOf();
  expect(outcomeRecordSchema.parse({ ...old, v: 2 })).toEqual({ ...old, v: 2, reward: null });
});

it('takes no record of a version that it does not know, and none with half a sketch', () => {
  const { sketch } = predictionOf();
  expect(predictionRecordSchema.safeParse(predictionOf()).success).toBe(true);
  expect(predictionRecordSchema.safeParse({ ...predictionOf(), v: 5 }).success).toBe(false);
  const short = { ...sketch, features: [1, 2] };
  expect(predictionRecordSchema.safeParse({ ...predictionOf(), sketch: short }).success).toBe(false);
});
