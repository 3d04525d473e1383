import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { GRPCInferenceServiceHandlers } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import type { ModelMetadataResponse } from '@headgate/contracts/gen/grpc/inference/ModelMetadataResponse';
import { toStatus, unavailable } from './errors.ts';
import type { Health } from './health.ts';
import { createInferHandler, type InferHandlerOptions } from './infer-handler.ts';
import type { Catalogue } from './models/reconcile.ts';

export interface ServiceOptions extends InferHandlerOptions {
  readonly catalogue: Catalogue;
  readonly health: Health;
  /** Version of this software. */
  readonly serverVersion: string;
}

/** The six calls of the Open Inference Protocol. */
export function inferenceService(options: ServiceOptions): GRPCInferenceServiceHandlers {
  const { catalogue, health, serverVersion } = options;
  return {
    ServerLive: unary(() => ({ live: true })),
    ServerReady: unary(() => ({ ready: health.isReady })),
    ModelReady: unary(({ name, version }) => {
      const asked = version === '' ? catalogue.controlVersion(name) : version;
      return { ready: asked !== undefined && health.isVersionReady(name, asked) };
    }),
    ServerMetadata: unary(() => ({ name: 'headgate', version: serverVersion, extensions: [] })),
    ModelMetadata: unary(({ name, version }) => modelMetadata(catalogue, name, version)),
    ModelInfer: createInferHandler(options),
  };
}

/** A handler that answers at once; what it throws becomes a status. */
function unary<Request, Response>(answer: (request: Request) => Response) {
  return ({ request }: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    try {
      callback(null, answer(request));
    } catch (error) {
      callback(toStatus(error));
    }
  };
}

/** Image models show what callers send and get, not the tensors of the graph behind it. */
function modelMetadata(catalogue: Catalogue, name: string, version: string): ModelMetadataResponse {
  const deployment = catalogue.find(name, version);
  const image = deployment.package?.manifest.image;
  if (!image) throw unavailable(`Version ${deployment.version} of ${name} is not loaded yet.`, 1_000);
  const [engine] = deployment.engines;
  const row = [-1, image.top_k];
  return {
    name,
    versions: [...catalogue.versions(name)],
    platform: `onnxruntime_onnx${engine ? `/${engine.report.provider}` : ''}`,
    inputs: [{ name: image.input, datatype: 'BYTES', shape: [-1] }],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: row },
      { name: 'score', datatype: 'FP32', shape: row },
      { name: 'class_id', datatype: 'INT32', shape: row },
    ],
  };
}
