import { HeadgateError, type Reason } from '@headgate/contracts/errors';
import type { ShadowRecord } from '@headgate/contracts/records';
import type { Sketch } from '@headgate/contracts/sketch';
import type { Choice } from '../routes/predict/choose-variant.ts';

/** What is known of a class that a model saw. */
export interface SeenClass {
  readonly label: string | null;
  readonly class_id: number | null;
  readonly score: number | null;
}

/** One image of a request, or a request of tensors, settled. */
export interface SeenPrediction {
  /** Prediction id of the request. */
  readonly id: string;
  readonly index: number;
  /** Wall clock in ms. */
  readonly atMs: number;
  readonly keyId: string;
  readonly requestId: string;
  readonly traceId: string;
  readonly choice: Choice;
  readonly outcome: 'ok' | Reason;
  readonly latencyMs: number;
  /** What the model saw, best first; empty where nothing is known of it. */
  readonly top: readonly SeenClass[];
  /** Encoded; null where tensors were sent. */
  readonly image: Uint8Array | null;
  readonly sketch: Sketch | undefined;
}

/** A copy of an image that control answered, settled. */
export type SeenShadow = Omit<ShadowRecord, 'type' | 'v'>;

/** What somebody says about a prediction. */
export interface SeenOutcome {
  readonly id: string;
  readonly index: number;
  readonly atMs: number;
  readonly keyId: string;
  readonly label: string | null;
  readonly classId: number | null;
  readonly reward: number | null;
}

/** Keeps what happened for later. Nothing of it may delay or fail a prediction. */
export interface Recorder {
  /** Whether sketches of images are of use: they cost the engine a bit. */
  readonly wantsSketches: boolean;
  prediction(seen: SeenPrediction): void;
  shadow(seen: SeenShadow): void;
  /**
   * Settles once it survives a power cut.
   *
   * @throws HeadgateError records_unavailable
   */
  outcome(seen: SeenOutcome): Promise<void>;
  /** Predictions that are older than that, in ms, are forgotten, and nobody can judge them any more. */
  readonly retentionMs: number;
}

/** Stores nothing, and tells callers that give feedback so. Runs on any fetch host. */
export const noRecorder: Recorder = {
  wantsSketches: false,
  prediction: () => undefined,
  shadow: () => undefined,
  outcome: async () => {
    throw new HeadgateError('records_unavailable', 'This gateway keeps no predictions.');
  },
  retentionMs: Number.POSITIVE_INFINITY,
};
