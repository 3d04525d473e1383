import type { Config } from '@headgate/contracts/config/schema';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import type { RoutingSource } from '../routing/source.ts';
import { openChannels } from './channels.ts';
import { openDirect } from './direct.ts';
import { firstAttempt } from './first-attempt.ts';
import { grpcOpenInference } from './grpc-open-inference.ts';
import { grpcPredictor } from './grpc-predictor.ts';
import type { OpenInference } from './open-inference.ts';
import type { Predictor } from './predictor.ts';
import { type ReadinessReport, type UpstreamReadiness, watchReadiness } from './readiness.ts';
import { secondAttempt } from './second-attempt.ts';
import { grpcTarget, parseTarget, resolveTarget } from './target.ts';

export interface UpstreamOptions {
  readonly config: Config;
  readonly routing: RoutingSource;
  readonly readinessReport: ReadinessReport;
  readonly resilience: ResilienceReport;
}

export interface Upstream {
  readonly predictor: Predictor;
  readonly inference: OpenInference;
  readonly readiness: UpstreamReadiness;
  close(): void;
}

/**
 * Connects to the inference processes of the configuration: connections for calls, others for health.
 *
 * @throws ConfigError when the target cannot be read; whether it can be reached shows in readiness
 */
export function connectUpstream({ config, routing, readinessReport, resilience }: UpstreamOptions): Upstream {
  const { upstream } = config.gateway;
  const target = parseTarget(upstream.target, config.listen.port_base);
  const messageBytes = config.inference.limits.message_bytes;
  const channels = openChannels({ target: grpcTarget(target), count: upstream.channels, messageBytes });
  const readiness = watchReadiness({
    resolve: () => resolveTarget(target),
    routing,
    intervalMs: upstream.readiness_interval_ms,
    timeoutMs: upstream.readiness_timeout_ms,
    resolveIntervalMs: upstream.resolve_interval_ms,
    report: readinessReport,
  });
  const direct = openDirect(messageBytes);
  const { endpoints, addressesOf } = readiness;
  const infer = secondAttempt({
    first: firstAttempt({ channels, direct, endpoints, addressesOf }),
    direct,
    endpoints,
    addressesOf,
    config: upstream.retry,
    report: resilience,
  });
  return {
    predictor: grpcPredictor(infer),
    inference: grpcOpenInference(channels, infer),
    readiness,
    close: () => {
      readiness.stop();
      channels.close();
      direct.close();
    },
  };
}
