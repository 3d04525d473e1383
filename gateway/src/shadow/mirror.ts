import { BUCKETS, type Shadow } from '@headgate/contracts/routing';
import { bucketOf } from '@headgate/runtime/routing/assign';
import type { OnAnswered } from '../deps.ts';
import type { Choice } from '../routes/predict/choose-variant.ts';
import type { ImageItem } from '../routes/predict/validate.ts';
import type { Shares } from '../shares.ts';
import type { Throttle } from '../shedding/throttle.ts';
import type { Prediction } from '../upstream/inference.ts';
import type { Copy, ShadowQueue } from './shadow-queue.ts';

export interface MirrorOptions {
  readonly queue: Pick<ShadowQueue, 'add' | 'drop'>;
  readonly throttle: Pick<Throttle, 'refusedLately'>;
  /** Requests in progress. */
  readonly slots: Pick<Shares, 'free' | 'total'>;
  /** Memory of bodies, which copies take from too. */
  readonly heldBytes: Shares;
  readonly onAnswered: OnAnswered;
}

/** A request of images that control answered. */
export interface Answered {
  /** Prediction id: decides whether the request is sampled. */
  readonly id: string;
  readonly choice: Choice;
  readonly images: readonly ImageItem[];
  /** Of each image, in the same order. */
  readonly outcomes: readonly (Prediction | Error)[];
}

/** Takes a request whose answer is made. @param env as in `OnAnswered` */
export type Mirror = (env: unknown, answered: Answered) => void;

/** Copies give way above this share of the requests that may be in progress. */
const BUSY_SHARE = 0.25;
/** They leave this share of the memory to requests. */
const FREE_SHARE = 0.5;
/** Among the callers of `Shares`; ids of keys and addresses have no space. */
const CALLER = 'shadow copies';

/**
 * Queues copies of sampled requests once their answers have left. While the gateway or inference is busy, copies are
 * dropped before any request is refused.
 */
export function mirror({ queue, throttle, slots, heldBytes, onAnswered }: MirrorOptions): Mirror {
  const isBusy = () => throttle.refusedLately() || slots.free < (1 - BUSY_SHARE) * slots.total;

  const hold = (bytes: number): boolean =>
    heldBytes.free - bytes >= FREE_SHARE * heldBytes.total && !heldBytes.take(CALLER, bytes);

  const copy = (taken: Copy) => {
    if (isBusy()) return queue.drop(taken, 'busy');
    if (!hold(taken.bytes)) return queue.drop(taken, 'full');
    queue.add(taken, () => heldBytes.give(CALLER, taken.bytes));
  };

  return (env, answered) => {
    const { id, choice } = answered;
    const shadows = choice.shadows?.filter(
      ({ version, sample }) => version !== choice.version && isSampled(id, sample),
    );
    if (!shadows || shadows.length === 0) return;
    const taken = copyOf(answered, shadows);
    onAnswered(env, () => copy(taken));
  };
}

/** Whether a share of all requests has this one: the same for each gateway, and a larger share has all of a smaller one. */
export function isSampled(id: string, percent: number): boolean {
  return bucketOf('shadow', id) < Math.round((percent * BUCKETS) / 100);
}

function copyOf({ id, choice, images, outcomes }: Answered, shadows: readonly Shadow[]): Copy {
  const taken = images.flatMap(({ bytes: image }, index) => {
    const outcome = outcomes[index];
    return outcome && !(outcome instanceof Error) ? [{ index, image, top: outcome.top }] : [];
  });
  // Not copied: an image is a view on the body, which stays in memory as a whole.
  const held = new Set(taken.map(({ image }) => image.buffer));
  return {
    id,
    model: choice.model,
    version: choice.version,
    shadows: shadows.map(({ version }) => version),
    images: taken,
    bytes: [...held].reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}
