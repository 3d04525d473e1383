import { HeadgateError, mostSevere } from '@headgate/contracts/errors';
import type { Clock } from '@headgate/runtime/clock';
import type { RouteHandler } from '../../context.ts';
import type { Mirror } from '../../shadow/mirror.ts';
import type { Prediction, Predictor } from '../../upstream/inference.ts';
import type { Settle } from '../settle.ts';
import { uuidV7 } from '../uuid-v7.ts';
import { paced } from './paced.ts';
import type { FailedItem, PredictAnswer, PredictedItem } from './schema.ts';

export interface PredictOptions {
  readonly predictor: Predictor;
  readonly settle: Settle;
  /** Whether records store a sketch of each image. */
  readonly sketch: boolean;
  /** Takes copies for shadows; absent: nobody does. */
  readonly shadow?: Mirror | undefined;
  readonly clock: Clock;
}

type Outcome = Prediction | HeadgateError;

/**
 * Sends the images on, ordinary ones at once, and answers when all are settled: 200 when at least one succeeded,
 * otherwise with the most severe of their errors.
 */
export function predict({ predictor, settle, sketch, shadow, clock }: PredictOptions): RouteHandler {
  return async function predict(c) {
    const sentAtMs = clock.monotonicMs();
    const id = uuidV7(clock.epochMs());
    c.set('predictionId', id);
    const choice = c.get('choice');
    const { model, version, variant } = choice;
    const images = c.get('images');
    const outcomes = await paced(
      images,
      ({ cost }) => cost?.work ?? 0,
      ({ bytes: image, refusal }, index) =>
        settle<Prediction>(c, {
          id,
          index,
          images: [image],
          refusal,
          send: (context) => predictor.predict({ ...context, model, version, image, sketch }),
          seen: (prediction) => [prediction],
        }),
    );
    const succeeded = outcomes.filter(isPrediction);
    c.get('charge')?.debitEngine(succeeded.reduce((sum, { engineMs }) => sum + engineMs, 0));
    if (succeeded.length === 0) throw worstOf(outcomes as HeadgateError[]);

    if (choice.shadows) shadow?.(c.env, { id, choice, images, outcomes });

    const now = clock.monotonicMs();
    const answer: PredictAnswer = {
      id,
      model,
      version,
      variant,
      predictions: outcomes.map((outcome, index) => itemOf(outcome, index, images[index]?.filename ?? null)),
      timing_ms: timingOf(succeeded, { total: now - c.get('startedAtMs'), upstream: now - sentAtMs }),
    };
    return c.json(answer);
  };
}

function isPrediction(outcome: Outcome): outcome is Prediction {
  return !(outcome instanceof HeadgateError);
}

function worstOf(errors: readonly HeadgateError[]): HeadgateError {
  const worst = mostSevere(errors.map(({ reason }) => reason));
  return errors.find(({ reason }) => reason === worst) as HeadgateError;
}

function itemOf(outcome: Outcome, index: number, filename: string | null): PredictedItem | FailedItem {
  if (isPrediction(outcome)) return { index, filename, top: [...outcome.top] };
  return { index, filename, error: { reason: outcome.reason, detail: outcome.detail } };
}

/** Stages of several images ran side by side, so each stage counts as long as its slowest image. */
function timingOf(
  succeeded: readonly Prediction[],
  { total, upstream }: { total: number; upstream: number },
): PredictAnswer['timing_ms'] {
  const slowest = (stage: keyof Prediction['timing']) =>
    Math.max(...succeeded.map(({ timing }) => timing[stage]));
  return {
    total: toMicroseconds(total),
    upstream: toMicroseconds(upstream),
    queue: toMicroseconds(slowest('queueMs')),
    decode: toMicroseconds(slowest('decodeMs')),
    run: toMicroseconds(slowest('runMs')),
  };
}

/** Three decimals of a millisecond: what a clock can tell. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
