import { ATTRIBUTE, OTHER } from '@headgate/contracts/names';
import { modelRouting } from '@headgate/contracts/routing';
import { childOf, type TraceContext } from '@headgate/contracts/trace-context';
import type { Logger } from '@headgate/runtime/logger';
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { KeyUses } from '../auth/key-use.ts';
import type { Lockouts } from '../auth/lockouts.ts';
import type { RoutingSource } from '../routing/source.ts';
import type { Metrics } from './metrics.ts';
import type { OpenSpan, RequestRecord, Telemetry } from './telemetry.ts';

interface TelemetryOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether the success of a request is logged. */
  readonly logsSuccess: (traceId: string) => boolean;
  /** Its names are the only ones that become label values. */
  readonly routing: RoutingSource;
  readonly keyUses: Pick<KeyUses, 'touch'>;
  readonly lockouts: Pick<Lockouts, 'note'>;
}

/** Metrics by prom-client, one log line per request by pino, spans by whatever is registered with OpenTelemetry. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { logger, metrics, logsSuccess, routing, keyUses, lockouts } = options;
  const tracer = trace.getTracer('headgate-gateway');
  return {
    requestStarted() {
      metrics.httpInFlight.inc();
    },
    requestFinished(record) {
      const { route, method, status, reason = 'none' } = record;
      metrics.httpInFlight.dec();
      metrics.httpRequests.inc({ route, method, status, reason });
      metrics.httpDuration.observe({ route }, record.durationMs / 1000);
      if (record.status >= 400 || logsSuccess(record.trace.traceId)) logRequest(logger, record);
    },
    predictionFinished({ model, version, variant, assignedVariant, outcome, durationMs }) {
      const labels = boundedLabels(routing, model, version, variant);
      metrics.predictions.inc({ ...labels, outcome });
      metrics.predictionDuration.observe({ ...labels }, durationMs / 1000);
      if (assignedVariant === null || assignedVariant === variant) return;
      const assigned = boundedLabels(routing, model, version, assignedVariant);
      metrics.variantFallbacks.inc({ model: assigned.model, variant: assigned.variant });
    },
    rateLimited(scope, group) {
      metrics.rateLimited.inc({ scope, group });
    },
    authFailed(reason) {
      metrics.authFailures.inc({ reason });
    },
    addressLockedOut: lockouts.note,
    requestShed(model, version) {
      const labels = boundedLabels(routing, model, version, null);
      metrics.shedRequests.inc({ model: labels.model, version: labels.version });
    },
    keyUsed: keyUses.touch,
    bodyReceived(bytes) {
      metrics.httpBodyBytes.observe(bytes);
    },
    startSpan: (name, parent) => openSpan(tracer, name, parent),
  };
}

/**
 * What lies behind a failure of ours is logged here and nowhere else; a caller's mistake needs no stack, and neither
 * does an overload, which has hundreds of these lines a second.
 */
function logRequest(logger: Logger, record: RequestRecord): void {
  const line = {
    id: record.predictionId,
    request_id: record.requestId,
    trace_id: record.trace.traceId,
    method: record.method,
    route: record.route,
    status: record.status,
    reason: record.reason,
    duration_ms: Math.round(record.durationMs * 100) / 100,
    key_id: record.keyId,
  };
  if (record.reason === 'overloaded') logger.warn(line, 'request refused');
  else if (record.status >= 500) logger.error({ ...line, err: record.cause }, 'request failed');
  else logger.info(line, 'request');
}

/** Labels of a prediction as metrics may carry them. */
interface PredictionLabels {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
}

/**
 * Only names of the routing table become label values; anything else is `other` (decision 0010). An explicit
 * version is no part of an experiment: its variant is `none`.
 */
function boundedLabels(
  routing: RoutingSource,
  model: string,
  version: string,
  variant: string | null,
): PredictionLabels {
  const entry = modelRouting(routing.current(), model);
  if (!entry) return { model: OTHER, version: OTHER, variant: OTHER };
  const names = entry.experiment.variants.map((v) => v.name);
  return {
    model,
    version: entry.versions.includes(version) ? version : OTHER,
    variant: variant === null ? 'none' : names.includes(variant) ? variant : OTHER,
  };
}

/**
 * Opens a server span. Without a tracing SDK the API hands back the caller's own context, or none: then the trace
 * goes on (or begins) with a span id of ours, so that logs and upstream calls have one all the same.
 */
export function openSpan(tracer: Tracer, name: string, parent: TraceContext | undefined): OpenSpan {
  const around = parent ? trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent)) : ROOT_CONTEXT;
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, around);
  const own = span.spanContext();
  const isOwn = isSpanContextValid(own) && own.spanId !== parent?.spanId;
  return {
    context: isOwn ? fromSpanContext(own) : childOf(parent),
    end({ status, reason, requestId, predictionId, route }) {
      span.setAttributes({
        'http.response.status_code': status,
        [ATTRIBUTE.requestId]: requestId,
        [ATTRIBUTE.route]: route,
        ...(predictionId !== undefined && { [ATTRIBUTE.predictionId]: predictionId }),
      });
      if (reason !== undefined) span.setAttribute(ATTRIBUTE.reason, reason);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function toSpanContext({ traceId, spanId, sampled }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function fromSpanContext({ traceId, spanId, traceFlags }: SpanContext): TraceContext {
  return { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
}
