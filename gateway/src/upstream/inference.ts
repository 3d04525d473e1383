import type { ModelConfigResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelConfigResponse';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { ModelMetadataResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelMetadataResponse';
import type { ModelRepositoryParameter } from '@headgate/contracts/gen/grpc/inference/ModelRepositoryParameter';
import type { ModelStatisticsResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStatisticsResponse';
import type { RepositoryIndexResponse__Output } from '@headgate/contracts/gen/grpc/inference/RepositoryIndexResponse';
import type { ServerMetadataResponse__Output } from '@headgate/contracts/gen/grpc/inference/ServerMetadataResponse';
import type { Sketch } from '@headgate/contracts/sketch';
import type { TraceContext } from '@headgate/contracts/trace-context';
import type { Deadline } from '../deadline.ts';

/** Sent with every call of every method. */
export interface SentContext {
  readonly requestId: string;
  /** `ID/INDEX` of the prediction that it is for, for logs and spans; absent where it is for none. */
  readonly prediction?: string | undefined;
  /** Id of the caller's key: inference caches answers per key. null on public routes. */
  readonly tenant: string | null;
  readonly trace: TraceContext;
  /** Variant name for metadata and metrics; null where there is none. */
  readonly variant: string | null;
  /** Over when its time has passed or the caller has gone. */
  readonly deadline: CallDeadline;
}

export interface CallContext extends SentContext {
  readonly deadline: Deadline;
}

/** What a call needs of the deadline of its request. */
export type CallDeadline = Pick<Deadline, 'over' | 'remainingMs' | 'onOver'>;

/** A model; version '' is the control version. */
export interface ModelName {
  readonly model: string;
  readonly version: string;
}

/** One image for one model version. */
export interface PredictCall extends CallContext, ModelName {
  /** Encoded JPEG, PNG or WebP. Not copied: must not change until the call is settled. */
  readonly image: Uint8Array;
  /** Ask for a sketch of the image too. */
  readonly sketch: boolean;
  /** A copy, whose answer no caller waits for: inference puts it behind all other items, and asks no cache. */
  readonly background?: boolean;
}

interface ScoredLabel {
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

/** Which model versions may get traffic (decision 0007). */
export interface Readiness {
  /** True while the version is ready on every ready endpoint, and there is at least one. */
  isReady(model: string, version: string): boolean;
}

/** Parameters of a load request, as its caller named them. */
export type LoadParameters = Readonly<Record<string, ModelRepositoryParameter>>;

/**
 * What the routes under /v2 need from the inference side: the calls of the Open Inference Protocol, in its own
 * messages. Any inference process answers; statistics and the repository are those of the one that does.
 *
 * Every call throws HeadgateError and nothing else.
 */
export interface OpenInference {
  /** Raw blocks are not copied: they must not change until the call is settled. */
  infer(request: ModelInferRequest, context: CallContext): Promise<ModelInferResponse__Output>;
  serverMetadata(context: CallContext): Promise<ServerMetadataResponse__Output>;
  modelMetadata(name: ModelName, context: CallContext): Promise<ModelMetadataResponse__Output>;
  modelConfig(name: ModelName, context: CallContext): Promise<ModelConfigResponse__Output>;
  /** Model '' asks for all models, version '' for all versions. */
  statistics(name: ModelName, context: CallContext): Promise<ModelStatisticsResponse__Output>;
  repositoryIndex(readyOnly: boolean, context: CallContext): Promise<RepositoryIndexResponse__Output>;
  load(model: string, parameters: LoadParameters, context: CallContext): Promise<void>;
  unload(model: string, context: CallContext): Promise<void>;
}
