import type { Config } from '@headgate/contracts/config/schema';
import { HeadgateError } from '@headgate/contracts/errors';
import { CONNECTION_AGE_MS } from '@headgate/contracts/limits';
import { healthServiceName, internalAddress } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { parseTarget, resolveTarget } from '@headgate/runtime/target';
import type { RoutingSource } from '../routing/source.ts';
import { Parking, type ParkingReport } from '../serverless/parking.ts';
import { Attempts } from './attempts.ts';
import { Endpoints } from './endpoints.ts';
import type { ModelName, OpenInference, Predictor, Readiness } from './inference.ts';
import { fromInferResponse, toInferRequest } from './messages.ts';
import { announcer, type ReadinessReport, readinessOf, versionsOf } from './readiness.ts';

export interface UpstreamOptions {
  readonly config: Config;
  /** Shown to inference; absent where none is configured. */
  readonly secret?: InternalSecret | undefined;
  readonly routing: RoutingSource;
  readonly readinessReport: ReadinessReport;
  readonly parkingReport: ParkingReport;
  readonly resilience: ResilienceReport;
}

export interface Upstream {
  readonly predictor: Predictor;
  /** For copies of requests: each call is sent once, and counts for no retry of others. */
  readonly copies: Predictor;
  readonly inference: OpenInference;
  readonly readiness: Readiness;
  readonly parking: Parking;
}

/** Before the server's own limit, which varies by a tenth. */
const RENEW_SHARE = 0.8;

/**
 * Connects to the inference processes of the configuration.
 *
 * @throws ConfigError when the target cannot be read; whether it can be reached shows in readiness
 */
export function connectUpstream(options: UpstreamOptions): Upstream {
  const { config, secret, routing, readinessReport, parkingReport, resilience } = options;
  const { upstream } = config.gateway;
  const target = parseTarget(upstream.target || internalAddress(config.listen, 'inferenceGrpc'));
  const readiness = readinessOf(() => endpoints.all(), routing);
  const parking = new Parking({
    models: config.serverless,
    readiness,
    hurry: () => endpoints.hurry(),
    report: parkingReport,
    nowMs: () => performance.now(),
  });
  const announce = announcer(readiness, routing, readinessReport);
  const endpoints: Endpoints = new Endpoints({
    resolve: () => resolveTarget(target),
    services: () => versionsOf(routing).map(({ model, version }) => healthServiceName(model, version)),
    connection: {
      messageBytes: config.inference.limits.message_bytes,
      renewMs: CONNECTION_AGE_MS.max * RENEW_SHARE,
      metadata: secret?.header ?? {},
    },
    onRound() {
      announce();
      parking.look();
    },
    onUnresolved: readinessReport.unresolved,
  });
  const common = { endpoints: () => endpoints.all(), report: resilience };
  const attempts = new Attempts({ ...common, ...(upstream.second_attempt ? {} : { retry: null }) });
  return {
    predictor: grpcPredictor(attempts),
    copies: grpcPredictor(new Attempts({ ...common, retry: null })),
    inference: grpcInference(attempts),
    readiness,
    parking,
  };
}

/** Forwards each image as one call; the batcher on the other side joins them again. */
export function grpcPredictor(attempts: Pick<Attempts, 'infer'>): Predictor {
  return {
    predict: async (call) => {
      const response = await attempts.infer(toInferRequest(call), call);
      try {
        return fromInferResponse(response);
      } catch (cause) {
        const detail =
          'The model gave an answer that cannot be read. Please send the request id to the operator.';
        throw new HeadgateError('internal', detail, { cause });
      }
    },
  };
}

/** The calls of the Open Inference Protocol over gRPC. */
export function grpcInference(attempts: Attempts): OpenInference {
  return {
    infer: (request, context) => attempts.infer(request, context),
    serverMetadata: (context) =>
      attempts.unary(context, (client, ...rest) => client.ServerMetadata({}, ...rest)),
    modelMetadata: (name, context) =>
      attempts.unary(context, (client, ...rest) => client.ModelMetadata(named(name), ...rest)),
    modelConfig: (name, context) =>
      attempts.unary(context, (client, ...rest) => client.ModelConfig(named(name), ...rest)),
    statistics: (name, context) =>
      attempts.unary(context, (client, ...rest) => client.ModelStatistics(named(name), ...rest)),
    repositoryIndex: (ready, context) =>
      attempts.unary(context, (client, ...rest) => client.RepositoryIndex({ ready }, ...rest)),
    load: async (model_name, parameters, context) => {
      await attempts.unary(context, (client, ...rest) =>
        client.RepositoryModelLoad({ model_name, parameters }, ...rest),
      );
    },
    unload: async (model_name, context) => {
      await attempts.unary(context, (client, ...rest) =>
        client.RepositoryModelUnload({ model_name }, ...rest),
      );
    },
  };
}

const named = ({ model, version }: ModelName) => ({ name: model, version });
