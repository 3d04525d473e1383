import type { Channels } from './channels.ts';
import type { InferCaller } from './first-attempt.ts';
import type { CallContext, ModelName, OpenInference } from './open-inference.ts';
import { type Method, unaryCall } from './unary-call.ts';

/** The calls of the Open Inference Protocol over gRPC, each on the connection with the fewest calls in progress. */
export function grpcOpenInference(channels: Channels, infer: InferCaller): OpenInference {
  const run = <Response>(context: CallContext, method: Method<Response>) =>
    channels.run((client) => unaryCall(client, context, method));
  return {
    infer: (request, context) => {
      const { model_name: model = '', model_version: version = '' } = request;
      return infer({ model, version }, context, (to, { metadata, options, done }) =>
        to.ModelInfer(request, metadata, options, done),
      );
    },
    serverMetadata: (context) =>
      run(context, (to, { metadata, options, done }) => to.ServerMetadata({}, metadata, options, done)),
    modelMetadata: (name, context) =>
      run(context, (to, { metadata, options, done }) =>
        to.ModelMetadata(named(name), metadata, options, done),
      ),
    modelConfig: (name, context) =>
      run(context, (to, { metadata, options, done }) => to.ModelConfig(named(name), metadata, options, done)),
    statistics: (name, context) =>
      run(context, (to, { metadata, options, done }) =>
        to.ModelStatistics(named(name), metadata, options, done),
      ),
    repositoryIndex: (ready, context) =>
      run(context, (to, { metadata, options, done }) =>
        to.RepositoryIndex({ ready }, metadata, options, done),
      ),
    load: async (model_name, parameters, context) => {
      await run(context, (to, { metadata, options, done }) =>
        to.RepositoryModelLoad({ model_name, parameters }, metadata, options, done),
      );
    },
    unload: async (model_name, context) => {
      await run(context, (to, { metadata, options, done }) =>
        to.RepositoryModelUnload({ model_name }, metadata, options, done),
      );
    },
  };
}

function named({ model, version }: ModelName): { name: string; version: string } {
  return { name: model, version };
}
