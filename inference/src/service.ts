import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import type { GRPCInferenceServiceHandlers } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import { modelConfig, modelMetadata } from './describe.ts';
import { toStatus } from './errors.ts';
import type { Health } from './health.ts';
import type { Catalogue } from './models/catalogue.ts';
import type { ModelControl } from './models/control.ts';
import type { Infer } from './pipeline.ts';
import type { Statistics } from './telemetry/statistics.ts';
import { createUnaryInfer } from './unary-infer.ts';

export interface ServiceOptions {
  readonly infer: Infer;
  /** Deadline of a call that has none, in ms. */
  readonly defaultDeadlineMs: number;
  readonly catalogue: Catalogue;
  readonly control: ModelControl;
  readonly statistics: Statistics;
  readonly health: Health;
  /** Version of this software. */
  readonly serverVersion: string;
}

/** Names under which Triton's extensions of the protocol are announced: those that are really here. */
const EXTENSIONS = ['model_configuration', 'model_repository', 'statistics'];

/** Calls of one message each. */
export type UnaryHandlers = Omit<GRPCInferenceServiceHandlers, 'ModelStreamInfer'>;

/** The calls of the Open Inference Protocol, and those of Triton that its clients need. */
export function inferenceService(options: ServiceOptions): UnaryHandlers {
  const { catalogue, health, serverVersion } = options;
  return {
    ServerLive: unary(() => ({ live: true })),
    ServerReady: unary(() => ({ ready: health.isReady })),
    ModelReady: unary(({ name, version }) => {
      const asked = version === '' ? catalogue.controlVersion(name) : version;
      return { ready: asked !== undefined && health.isVersionReady(name, asked) };
    }),
    ServerMetadata: unary(() => ({ name: 'headgate', version: serverVersion, extensions: EXTENSIONS })),
    ModelMetadata: unary(({ name, version }) => modelMetadata(catalogue, name, version)),
    ModelInfer: createUnaryInfer(options.infer, options.defaultDeadlineMs),
    ModelConfig: unary(({ name, version }) => ({ config: modelConfig(catalogue, name, version) })),
    ...operatorCalls(options),
  };
}

function operatorCalls({ catalogue, control, statistics }: ServiceOptions) {
  return {
    ModelStatistics: unary(({ name, version }) => {
      if (name !== '') catalogue.find(name, version);
      return { model_stats: statistics.read(catalogue, name, version) };
    }),
    RepositoryIndex: unary(async ({ repository_name, ready }) => {
      onlyRepository(repository_name);
      return { models: await control.index({ readyOnly: ready }) };
    }),
    RepositoryModelLoad: unary(async ({ repository_name, model_name, parameters }) => {
      onlyRepository(repository_name);
      await control.load(model_name, parameters);
      return {};
    }),
    RepositoryModelUnload: unary(async ({ repository_name, model_name }) => {
      onlyRepository(repository_name);
      await control.unload(model_name);
      return {};
    }),
  } satisfies Partial<GRPCInferenceServiceHandlers>;
}

function onlyRepository(name: string): void {
  if (name === '') return;
  throw new HeadgateError(
    'invalid_request',
    'repository_name: expected to be empty; there is one repository.',
  );
}

/** A handler of one message; what it throws becomes a status. */
function unary<Request, Response>(answer: (request: Request) => Response | Promise<Response>) {
  return async (
    { request }: ServerUnaryCall<Request, Response>,
    callback: sendUnaryData<Response>,
  ): Promise<void> => {
    try {
      callback(null, await answer(request));
    } catch (error) {
      callback(toStatus(error));
    }
  };
}
