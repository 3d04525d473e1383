import { HeadgateError } from '@headgate/contracts/errors';
import type { Deadline } from '../deadline.ts';

/** How fast a body must arrive (decision 0124). */
export interface Pace {
  /** Time between two looks. */
  readonly look_ms: number;
  /** Longest time without a byte. */
  readonly pause_ms: number;
  /** The mean rate counts from then on. */
  readonly grace_ms: number;
  readonly bytes_per_s: number;
}

/** A steady upload over a slow line may take all of its request's time; one that stalls or drips may not. */
export const PACE: Pace = { look_ms: 1000, pause_ms: 5000, grace_ms: 5000, bytes_per_s: 4096 };

/** What a body has done since it was first waited for. */
interface Progress {
  readonly passedMs: number;
  /** How long nothing has arrived. */
  readonly silentMs: number;
}

/**
 * Calls `stop` at every look at which the body has stopped, or is slower than it may be, until disposal.
 *
 * @param arrivedBytes how much has arrived by now
 */
export function watchPace(
  pace: Pace,
  arrivedBytes: () => number,
  stop: (progress: Progress) => void,
): Disposable {
  // Looks are counted, not time: a process that was busy has read nothing meanwhile.
  let looks = 0;
  let silentLooks = 0;
  let before = 0;
  const timer = setInterval(() => {
    looks += 1;
    const bytes = arrivedBytes();
    silentLooks = bytes === before ? silentLooks + 1 : 0;
    before = bytes;
    const passedMs = looks * pace.look_ms;
    const silentMs = silentLooks * pace.look_ms;
    const isSlow = passedMs >= pace.grace_ms && bytes * 1000 < passedMs * pace.bytes_per_s;
    if (silentMs >= pace.pause_ms || isSlow) stop({ passedMs, silentMs });
  }, pace.look_ms);
  return {
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

export interface Upload {
  readonly deadline: Pick<Deadline, 'onOver' | 'advice'>;
  /** 0 where the sender did not say. */
  readonly declaredBytes: number;
  /** Absent = `PACE`. */
  readonly pace?: Pace;
}

/**
 * Calls `stop` when the upload stalls or the request is over, if that happens before disposal. A deadline that passes
 * during the upload is the upload's fault.
 *
 * @param arrivedBytes how much has arrived by now
 */
export function watchUpload(
  { deadline, declaredBytes, pace = PACE }: Upload,
  arrivedBytes: () => number,
  stop: (why: HeadgateError) => void,
): Disposable {
  const refuse = (what: string, advice: string) => {
    const of = declaredBytes > 0 ? ` of ${declaredBytes}` : '';
    stop(
      new HeadgateError(
        'upload_timeout',
        `The body ${what}: ${arrivedBytes()}${of} bytes arrived. ${advice}`,
      ),
    );
  };
  const watched = watchPace(pace, arrivedBytes, ({ passedMs, silentMs }) => {
    if (silentMs >= pace.pause_ms) {
      refuse(`stopped for ${silentMs / 1000} s`, 'Send it without a pause.');
    } else {
      refuse(`was too slow for ${passedMs / 1000} s`, `Send at least ${pace.bytes_per_s} bytes a second.`);
    }
  });
  const release = deadline.onOver((why) => {
    if (why.reason === 'cancelled') stop(why);
    else refuse('did not arrive in time', `${deadline.advice} Or make the body smaller.`);
  });
  return {
    [Symbol.dispose]() {
      watched[Symbol.dispose]();
      release();
    },
  };
}
