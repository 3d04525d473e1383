import { problemBody } from '@headgate/contracts/errors';
import { PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import { controlOf, modelRouting } from '@headgate/contracts/routing';
import { HOST_EXPECTED, isOwnHost } from '@headgate/runtime/internal-http';
import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Registry } from 'prom-client';
import type { AppEnv } from './context.ts';
import type { MalformedEnv } from './middleware/well-formed.ts';
import { type DocsScript, docsRoutes } from './routes/docs/docs.ts';
import type { RoutingSource } from './routing/source.ts';
import type { Parking } from './serverless/parking.ts';
import type { Readiness } from './upstream/inference.ts';

export interface InternalOptions {
  /** Why no traffic should come here now, one sentence each; empty = ready. */
  readonly obstacles: () => readonly string[];
  readonly registry: Registry;
  /** Absent where the page of the documentation is not looked at. */
  readonly docsScript?: DocsScript;
}

/** Envoy's health check sends requests elsewhere while it sees this, and leaves those in progress alone. */
const DEGRADED = 'x-envoy-degraded';

/** What operators and their tools read, on a port that the public never reaches. No key is needed. */
export function createInternalApp({ obstacles, registry, docsScript }: InternalOptions): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(async function protect(c, next) {
    for (const [name, value] of Object.entries(PROTECTIVE_HEADERS)) c.header(name, value);
    if (!isOwnHost(c.req.header('host'))) return c.text(HOST_EXPECTED, 421);
    const { malformed } = (c.env ?? {}) as MalformedEnv;
    if (!malformed) return next();
    return c.json(problemBody(malformed, crypto.randomUUID()), malformed.httpStatus as ContentfulStatusCode);
  });
  app.get('/livez', (c) => {
    if (obstacles().length > 0) c.header(DEGRADED, '1');
    return c.json({ live: true });
  });
  app.get('/readyz', (c) => {
    const reasons = obstacles();
    return c.json({ ready: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  );
  for (const [, path, , handlers] of docsRoutes(docsScript)) app.on(['GET'], [path], ...handlers);
  return app;
}

/**
 * Why the gateway should get no traffic: it is draining, or `POST /predict` could not be answered because the
 * control version of the default model is not ready. A request for a serverless model waits.
 */
export function obstaclesOf(
  routing: RoutingSource,
  { readiness, parking }: { readonly readiness: Readiness; readonly parking: Pick<Parking, 'has'> },
  draining: boolean,
): string[] {
  const table = routing.current();
  const model = table.default_model;
  const entry = modelRouting(table, model);
  const version = entry && controlOf(entry.experiment).version;
  const served = version !== undefined && (parking.has(model) || readiness.isReady(model, version));
  return [
    ...(draining ? ['the gateway is draining'] : []),
    ...(served ? [] : [`model ${model} version ${version} is not ready`]),
  ];
}
