import { HeadgateError, mostSevere, toHeadgateError } from '@headgate/contracts/errors';
import type { Clock } from '@headgate/runtime/clock';
import type { AppContext, RouteHandler } from '../../context.ts';
import { noRecorder, type Recorder } from '../../store/recorder.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Prediction, Predictor } from '../../upstream/inference.ts';
import type { FailedItem, PredictAnswer, PredictedItem } from './schema.ts';
import { untilAborted } from './until-aborted.ts';
import { uuidV7 } from './uuid-v7.ts';
import type { ImageItem } from './validate.ts';

export interface PredictOptions {
  readonly predictor: Predictor;
  readonly telemetry: Telemetry;
  readonly recorder?: Recorder;
  readonly clock: Clock;
}

type Outcome = Prediction | HeadgateError;

interface Settled {
  readonly id: string;
  readonly item: ImageItem;
  readonly outcome: Outcome;
  readonly durationMs: number;
}

/**
 * Sends every image on at once and answers when all are settled: 200 when at least one succeeded, otherwise with
 * the most severe of their errors.
 */
export function predict({
  predictor,
  telemetry,
  recorder = noRecorder,
  clock,
}: PredictOptions): RouteHandler {
  const outcomeOf = async (c: AppContext, { bytes, refusal }: ImageItem): Promise<Outcome> => {
    if (refusal) return refusal;
    const { model, version, variant } = c.get('choice');
    const { signal, remainingMs, throwIfOver } = c.get('deadline');
    const tenant = c.get('identity')?.keyId ?? null;
    const origin = { requestId: c.get('requestId'), tenant, trace: c.get('trace') };
    try {
      throwIfOver();
      const ask = { model, version, variant, image: bytes, sketch: recorder.wantsSketches };
      const call = { ...origin, ...ask, remainingMs: remainingMs(), signal };
      return await untilAborted(predictor.predict(call), signal);
    } catch (thrown) {
      return toHeadgateError(thrown);
    }
  };

  const report = (c: AppContext, { id, item, outcome, durationMs }: Settled) => {
    const choice = c.get('choice');
    const { model, version, variant, assignedVariant } = choice;
    const ended = isPrediction(outcome) ? 'ok' : outcome.reason;
    telemetry.predictionFinished({ model, version, variant, assignedVariant, outcome: ended, durationMs });
    recorder.prediction({
      id,
      index: c.get('images').indexOf(item),
      atMs: clock.epochMs(),
      keyId: c.get('identity')?.keyId ?? '',
      requestId: c.get('requestId'),
      choice,
      outcome: ended,
      latencyMs: durationMs,
      top: isPrediction(outcome) ? outcome.top : [],
      sketch: isPrediction(outcome) ? outcome.sketch : undefined,
      image: item.bytes,
    });
  };

  return async function predict(c) {
    const sentAtMs = clock.monotonicMs();
    const id = uuidV7(clock.epochMs());
    const settle = async (item: ImageItem): Promise<Outcome> => {
      const outcome = await outcomeOf(c, item);
      report(c, { id, item, outcome, durationMs: clock.monotonicMs() - sentAtMs });
      return outcome;
    };
    const images = c.get('images');
    const outcomes = await Promise.all(images.map(settle));
    const succeeded = outcomes.filter(isPrediction);
    c.get('tab')?.debitEngine(succeeded.reduce((sum, { engineMs }) => sum + engineMs, 0));
    if (succeeded.length === 0) throw worstOf(outcomes as HeadgateError[]);

    const now = clock.monotonicMs();
    const { model, version, variant } = c.get('choice');
    const answer: PredictAnswer = {
      id,
      model,
      version,
      variant,
      predictions: outcomes.map((outcome, index) => itemOf(outcome, index, images[index]?.filename ?? null)),
      timing_ms: timingOf(succeeded, { total: now - c.get('startedAtMs'), upstream: now - sentAtMs }),
    };
    c.header('cache-control', 'no-store');
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
