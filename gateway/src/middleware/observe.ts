import { toHeadgateError } from '@headgate/contracts/errors';
import { HEADER, OTHER, SPAN } from '@headgate/contracts/names';
import { parseTraceparent } from '@headgate/contracts/trace-context';
import type { Clock } from '@headgate/runtime/clock';
import { matchedRoutes } from 'hono/route';
import type { AppContext, Layer } from '../context.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface ObserveOptions {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** While true, answers ask the client to open a new connection (elsewhere). */
  readonly draining: () => boolean;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Opens the request's span, continues or starts its trace, and reports how the request ended. */
export function observe({ telemetry, clock, draining }: ObserveOptions): Layer {
  return async function observe(c, next) {
    const startedAtMs = clock.monotonicMs();
    const span = telemetry.startSpan(SPAN.request, parseTraceparent(c.req.header(HEADER.traceparent)));
    c.set('startedAtMs', startedAtMs);
    c.set('route', routePattern(c));
    c.set('trace', span.context);
    c.header(HEADER.traceId, span.context.traceId);
    if (draining()) c.header('connection', 'close');
    telemetry.requestStarted();

    await next();

    const error = c.error && toHeadgateError(c.error);
    const { status } = c.res;
    const [requestId, predictionId, route] = [c.get('requestId'), c.get('predictionId'), c.get('route')];
    span.end({ status, reason: error?.reason, requestId, predictionId, route });
    telemetry.requestFinished({
      requestId,
      predictionId,
      trace: span.context,
      method: boundedMethod(c),
      route,
      status,
      reason: error?.reason,
      durationMs: clock.monotonicMs() - startedAtMs,
      keyId: c.get('identity')?.keyId,
      cause: error?.cause,
    });
  };
}

/**
 * The pattern of the route that matches the path, also of a refused request; never the path itself (decision 0010). The first
 * match counts.
 */
function routePattern(c: AppContext): string {
  return matchedRoutes(c).find(({ path }) => path !== '/*')?.path ?? OTHER;
}

/** The method as a metric label: one of the well-known ones, or `other`. */
export function boundedMethod(c: AppContext): string {
  return METHODS.has(c.req.method) ? c.req.method : OTHER;
}
