import { HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { Sketch } from '@headgate/contracts/sketch';
import type { Clock } from '@headgate/runtime/clock';
import { type AppContext, callContext } from '../context.ts';
import { type Deadline, untilOver } from '../deadline.ts';
import type { Throttle } from '../shedding/throttle.ts';
import { noRecorder, type Recorder, type SeenClass } from '../store/recorder.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { CallContext } from '../upstream/inference.ts';

export interface SettleOptions {
  readonly throttle: Throttle;
  readonly telemetry: Telemetry;
  readonly recorder?: Recorder;
  readonly clock: Clock;
}

/** Inference knows what is left of a time limit, not the limit. */
function inTime(error: HeadgateError, { over, advice }: Deadline): HeadgateError {
  if (error.reason !== 'deadline_exceeded' || error === over) return error;
  return new HeadgateError(error.reason, `${error.detail} ${advice}`, { cause: error });
}

/** What one prediction of a request sends to inference. */
interface Sent<T> {
  /** Prediction id of the request. */
  readonly id: string;
  /** Index of its first image in the request. */
  readonly index: number;
  /** One record is written for each; null where tensors were sent. */
  readonly images: readonly (Uint8Array | null)[];
  /** Why it is not sent at all. */
  readonly refusal?: HeadgateError | undefined;
  send(context: CallContext): Promise<T>;
  /** What the answer says about each image, for records. */
  seen(answer: T): readonly SeenItem[];
}

export interface SeenItem {
  readonly top: readonly SeenClass[];
  readonly sketch?: Sketch | undefined;
}

/** Sends a prediction to the version that was chosen, and reports how it ended. Never throws. */
export type Settle = <T>(c: AppContext, sent: Sent<T>) => Promise<T | HeadgateError>;

/** The one place that sends predictions, whichever route they came by: it counts, measures and records them. */
export function createSettle({ throttle, telemetry, recorder = noRecorder, clock }: SettleOptions): Settle {
  const attempt = async <T>(c: AppContext, { id, index, send }: Sent<T>): Promise<T | HeadgateError> => {
    try {
      const context = { ...callContext(c, c.get('choice').variant), prediction: `${id}/${index}` };
      const counted = throttle.sent({ ...c.get('choice'), tenant: context.tenant ?? '' });
      try {
        return await untilOver(send(context), context.deadline);
      } catch (thrown) {
        const { reason, retryAfterMs } = thrown instanceof HeadgateError ? thrown : {};
        if (reason === 'overloaded') counted.refused(retryAfterMs);
        // Callers in too much of a hurry, or gone: others must not be refused for that.
        else if (reason === 'deadline_exceeded' || reason === 'cancelled') counted.withdraw();
        throw thrown;
      }
    } catch (thrown) {
      return inTime(toHeadgateError(thrown), c.get('deadline'));
    }
  };

  return async (c, sent) => {
    const { id, index, images, refusal, seen } = sent;
    const sentAtMs = clock.monotonicMs();
    const answer = refusal ?? (await attempt(c, sent));
    const durationMs = clock.monotonicMs() - sentAtMs;
    const choice = c.get('choice');
    const failed = answer instanceof HeadgateError;
    const outcome = failed ? answer.reason : 'ok';
    telemetry.predictionFinished({ ...choice, outcome, durationMs });
    const items = failed ? [] : seen(answer);
    const atMs = clock.epochMs();
    for (const [i, image] of images.entries()) {
      recorder.prediction({
        id,
        index: index + i,
        atMs,
        keyId: c.get('identity')?.keyId ?? '',
        requestId: c.get('requestId'),
        traceId: c.get('trace').traceId,
        choice,
        outcome,
        latencyMs: durationMs,
        top: items[i]?.top ?? [],
        image,
        sketch: items[i]?.sketch,
      });
    }
    return answer;
  };
}
