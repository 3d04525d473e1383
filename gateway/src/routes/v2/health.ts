import { HeadgateError } from '@headgate/contracts/errors';
import { controlOf } from '@headgate/contracts/routing';
import type { RouteHandler } from '../../context.ts';
import type { RoutingSource } from '../../routing/source.ts';
import type { Readiness } from '../../upstream/inference.ts';
import { knownModel, knownVersion } from '../predict/choose-variant.ts';

export interface HealthOptions {
  readonly routing: RoutingSource;
  readonly readiness: Readiness;
  /** True from the moment the host wants traffic to go elsewhere. */
  readonly draining: () => boolean;
}

/** Whoever reads this is served. */
export function serverLive(): RouteHandler {
  return function serverLive(c) {
    c.header('cache-control', 'no-store');
    return c.json({ live: true });
  };
}

/**
 * Ready means that infer requests to the default model are answered. The status says so, as Triton's clients read
 * it; the body says it under both names that clients of the protocol look for.
 */
export function serverReady({ routing, readiness, draining }: HealthOptions): RouteHandler {
  return function serverReady(c) {
    const table = routing.current();
    const { experiment } = knownModel(table, table.default_model);
    const ready = readiness.isReady(table.default_model, controlOf(experiment).version);
    if (draining()) throw notReady('This gateway is about to stop; another one answers.');
    if (!ready) throw notReady('The default model is not ready.');
    c.header('cache-control', 'no-store');
    return c.json({ live: true, ready });
  };
}

/** Readiness of the version in the path, or of the one that units fall back to. An unknown one is 404, not 500. */
export function modelReady({ routing, readiness }: Omit<HealthOptions, 'draining'>): RouteHandler {
  return function modelReady(c) {
    const name = c.req.param('model') ?? '';
    const named = c.req.param('version');
    const entry = knownModel(routing.current(), name);
    const version = named === undefined ? controlOf(entry.experiment).version : knownVersion(entry, named);
    if (!readiness.isReady(name, version)) throw notReady(`Version ${version} of ${name} is not ready.`);
    c.header('cache-control', 'no-store');
    return c.json({ name, version, ready: true });
  };
}

function notReady(detail: string): HeadgateError {
  return new HeadgateError('unavailable', detail);
}
