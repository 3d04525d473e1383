import { HeadgateError, type Reason, toHeadgateError } from '@headgate/contracts/errors';
import type { CopyRun } from '@headgate/contracts/records';
import { childOf } from '@headgate/contracts/trace-context';
import type { Clock } from '@headgate/runtime/clock';
import { RequestDeadline, untilOver } from '../deadline.ts';
import type { Recorder } from '../store/recorder.ts';
import type { ModelName, Prediction, Predictor, Readiness } from '../upstream/inference.ts';
import { type Comparison, compare } from './compare.ts';

/** A request that control answered, to be run again. */
export interface Copy {
  /** Prediction id. */
  readonly id: string;
  readonly model: string;
  /** Version that answered. */
  readonly version: string;
  /** Versions that it is compared with; at least one. */
  readonly shadows: readonly string[];
  readonly images: readonly CopiedImage[];
  /** Memory that it holds. */
  readonly bytes: number;
}

interface CopiedImage {
  /** In the request. */
  readonly index: number;
  readonly image: Uint8Array;
  /** Control's answer, best first. */
  readonly top: Prediction['top'];
}

/**
 * Why a copy was not run: gateway or inference are busy; the queue or memory is full; it waited too long; inference has
 * other work; the version is not ready.
 */
export const DROPPED = ['busy', 'full', 'late', 'refused', 'not_ready'] as const;
export type Dropped = (typeof DROPPED)[number];

export type ShadowOutcome = 'agreed' | 'differed' | 'failed' | Dropped;

export interface ShadowReport {
  /** Called for each image and shadow. */
  settled(shadow: ModelName, outcome: ShadowOutcome): void;
}

export interface ShadowQueueOptions {
  readonly predictor: Predictor;
  readonly readiness: Readiness;
  readonly recorder: Pick<Recorder, 'shadow'>;
  readonly report: ShadowReport;
  readonly clock: Clock;
}

interface Waiting {
  readonly copy: Copy;
  readonly startedAtMs: number;
  /** Gives its memory back. */
  readonly release: () => void;
}

/** Three of the largest requests, or some seconds of small ones. */
const MAX = { items: 64, bytes: 32 * 2 ** 20 };
/** From the answer to the end of the comparison. */
const DEADLINE_MS = 5000;

/**
 * Runs copies one after the other, in the background: each image by control again, as the yardstick of noise, and by
 * each shadow. Nothing is sent twice.
 */
export class ShadowQueue {
  readonly #options: ShadowQueueOptions;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #running: { readonly deadline: RequestDeadline; readonly done: Promise<void> } | undefined;
  #stopped = false;

  constructor(options: ShadowQueueOptions) {
    this.#options = options;
  }

  get items(): number {
    return this.#waiting.length + (this.#running ? 1 : 0);
  }

  /** Bytes that copies hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param release called once the copy is done with */
  add(copy: Copy, release: () => void): void {
    const isFull = this.items >= MAX.items || this.#bytes + copy.bytes > MAX.bytes;
    if (isFull) this.drop(copy, 'full');
    if (isFull || this.#stopped) {
      release();
      return;
    }
    this.#bytes += copy.bytes;
    this.#waiting.push({ copy, release, startedAtMs: this.#options.clock.monotonicMs() });
    this.#next();
  }

  /** Counts and records a copy that is not run. */
  drop(copy: Copy, why: Dropped): void {
    for (const image of copy.images)
      for (const shadow of copy.shadows) this.#settle(copy, image, { shadow, outcome: why });
  }

  /** Ends what waits and what runs, without a record: they are samples. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const waiting of this.#waiting.splice(0)) this.#release(waiting);
    this.#running?.deadline.end(new HeadgateError('cancelled', 'The gateway stops.'));
    await this.#running?.done;
  }

  #next(): void {
    if (this.#running) return;
    const next = this.#waiting.shift();
    if (!next) return;
    const { startedAtMs } = next;
    const deadline = new RequestDeadline({ startedAtMs, budgetMs: DEADLINE_MS }, this.#options.clock);
    const done = this.#run(next.copy, deadline).finally(() => {
      deadline[Symbol.dispose]();
      this.#release(next);
      this.#running = undefined;
      this.#next();
    });
    this.#running = { deadline, done };
  }

  #release({ copy, release }: Waiting): void {
    this.#bytes -= copy.bytes;
    release();
  }

  async #run(copy: Copy, deadline: RequestDeadline): Promise<void> {
    for (const image of copy.images) {
      const noise = await this.#try(copy.version, { copy, image, deadline });
      for (const shadow of copy.shadows) {
        // Control has other work: its requests come first.
        const run = noise === 'refused' ? noise : await this.#try(shadow, { copy, image, deadline });
        if (this.#stopped) return;
        this.#settle(copy, image, { shadow, outcome: run, noise });
      }
    }
  }

  /** Runs an image on a version. Never throws. */
  async #try(
    version: string,
    { copy, image, deadline }: { copy: Copy; image: CopiedImage; deadline: RequestDeadline },
  ): Promise<Run | Dropped | Reason> {
    const { predictor, readiness, clock } = this.#options;
    const { id, model } = copy;
    if (deadline.remainingMs() === 0) return 'late';
    if (!readiness.isReady(model, version)) return 'not_ready';
    const startedMs = clock.monotonicMs();
    const prediction = `${id}/${image.index}`;
    const context = {
      requestId: id,
      prediction,
      tenant: null,
      variant: null,
      trace: childOf(undefined),
      deadline,
    };
    try {
      const call = { ...context, model, version, image: image.image, sketch: false, background: true };
      const { top } = await untilOver(predictor.predict(call), deadline);
      const [first] = top;
      if (!first) return 'internal';
      return { first, latencyMs: clock.monotonicMs() - startedMs, ...compare(image.top, top) };
    } catch (thrown) {
      const { reason } = toHeadgateError(thrown);
      return reason === 'overloaded' ? 'refused' : reason;
    }
  }

  #settle(
    { id, model, version }: Copy,
    { index, top }: CopiedImage,
    { shadow, outcome, noise }: { shadow: string; outcome: Result; noise?: Result },
  ): void {
    const { recorder, report, clock } = this.#options;
    const [first] = top;
    if (!first) return;
    const run = typeof outcome === 'object' ? outcome : undefined;
    report.settled({ model, version: shadow }, metricOf(outcome));
    recorder.shadow({
      id,
      index,
      at_ms: clock.epochMs(),
      model,
      version,
      shadow_version: shadow,
      outcome: typeof outcome === 'object' ? 'ok' : isDropped(outcome) ? 'dropped' : outcome,
      label: first.label,
      class_id: first.class_id,
      score: first.score,
      shadow: runOf(outcome),
      noise: runOf(noise),
      label_order_differs: run?.labelOrderDiffers ?? false,
    });
  }
}

/** An answer, and how it compares with control's. */
interface Run extends Comparison {
  readonly first: Prediction['top'][number];
  readonly latencyMs: number;
}

type Result = Run | Dropped | Reason;

const isDropped = (outcome: Dropped | Reason): outcome is Dropped =>
  (DROPPED as readonly string[]).includes(outcome);

function metricOf(outcome: Result): ShadowOutcome {
  if (typeof outcome === 'object') return outcome.agrees ? 'agreed' : 'differed';
  return isDropped(outcome) ? outcome : 'failed';
}

function runOf(result: Result | undefined): CopyRun | null {
  if (typeof result !== 'object') return null;
  const { first, latencyMs, agrees, scoreChange } = result;
  const { label, class_id, score } = first;
  return { label, class_id, score, latency_ms: latencyMs, agrees, score_change: scoreChange };
}
