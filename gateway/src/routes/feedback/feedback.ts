import { HeadgateError } from '@headgate/contracts/errors';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { timeOfPrediction } from '@headgate/contracts/records';
import type { Clock } from '@headgate/runtime/clock';
import type { AppContext, RouteHandler } from '../../context.ts';
import { noRecorder, type Recorder } from '../../store/recorder.ts';
import { type FeedbackAnswer, feedbackSchema } from './schema.ts';

export interface FeedbackOptions {
  readonly recorder?: Recorder;
  readonly clock: Clock;
}

/** Far more than feedback needs. */
const MAX_BYTES = 16_384;
/** How far the clock of the gateway that made the prediction may be ahead of ours. */
const CLOCK_SKEW_MS = 60_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Keeps what a caller says about one of its predictions: 202 once it is on disk. The first word about an item counts;
 * the same feedback sent again changes nothing. It may come long after the prediction, and even before its record.
 */
export function feedback({ recorder = noRecorder, clock }: FeedbackOptions): RouteHandler {
  return async function feedback(c) {
    const { prediction_id, index, label, class_id, reward } = await feedbackOf(c);
    const atMs = clock.epochMs();
    refuseUnlikely(timeOfPrediction(prediction_id), atMs, recorder.retentionMs);
    await recorder.outcome({
      id: prediction_id,
      index,
      atMs,
      keyId: c.get('identity')?.keyId ?? '',
      label: label ?? null,
      classId: class_id ?? null,
      reward: reward ?? null,
    });
    const answer: FeedbackAnswer = { prediction_id, index };
    return c.json(answer, 202);
  };
}

async function feedbackOf(c: AppContext) {
  const body = await c.get('readBody')();
  if (body.byteLength > MAX_BYTES) {
    throw new HeadgateError('body_too_large', `Feedback may have at most ${MAX_BYTES} bytes.`);
  }
  const parsed = feedbackSchema.safeParse(parseJson(body), IN_WORDS);
  if (parsed.success) return parsed.data;
  throw new HeadgateError(
    'invalid_request',
    `The feedback is not valid: ${describeIssues(parsed.error).join('; ')}.`,
  );
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch (cause) {
    throw new HeadgateError('invalid_request', 'Feedback must be a JSON object.', { cause });
  }
}

/** An id carries its time: what cannot be kept any more, or was never made, is not worth a place in the store. */
function refuseUnlikely(madeAtMs: number, nowMs: number, retentionMs: number): void {
  if (madeAtMs <= nowMs + CLOCK_SKEW_MS && madeAtMs >= nowMs - retentionMs) return;
  throw new HeadgateError('invalid_request', 'prediction_id names no prediction that is still kept.');
}
