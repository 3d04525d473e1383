import type { Sketch } from '@headgate/contracts/sketch';
import type { TraceContext } from '@headgate/contracts/trace-context';

/** One image on its way to one model version. */
export interface PredictCall {
  readonly model: string;
  readonly version: string;
  /** Variant name for metadata and metrics; null when an explicit version was asked for. */
  readonly variant: string | null;
  /** Encoded JPEG, PNG or WebP. Not copied: must not change until the call is settled. */
  readonly image: Uint8Array;
  readonly requestId: string;
  /** Id of the key that asks; inference keeps nobody's answers for another. null on public routes. */
  readonly tenant: string | null;
  readonly trace: TraceContext;
  /** Ask for a sketch of the image too; not everybody who predicts has one. */
  readonly sketch: boolean;
  /** Remaining budget in ms; > 0. */
  readonly remainingMs: number;
  /** Aborted when the client went away or the deadline passed. */
  readonly signal: AbortSignal;
}

export interface ScoredLabel {
  readonly label: string;
  readonly class_id: number;
  /** In [0, 1]. */
  readonly score: number;
}

export interface Prediction {
  /** Best first. */
  readonly top: readonly ScoredLabel[];
  readonly sketch?: Sketch | undefined;
  /** Stages inside inference, in ms. */
  readonly timing: { readonly queueMs: number; readonly decodeMs: number; readonly runMs: number };
  /** Its share of what the engine ran, in ms; 0 when the answer was known. */
  readonly engineMs: number;
}

/** What the predict route needs from the inference side: gRPC in production, HTTP on other fetch hosts, in memory in tests. */
export interface Predictor {
  /** @throws HeadgateError */
  predict(call: PredictCall): Promise<Prediction>;
}

/** Which model versions may get traffic (decision D7). */
export interface Readiness {
  /** True while the version is ready on every ready endpoint, and there is at least one. */
  isReady(model: string, version: string): boolean;
}
