import { healthServiceName } from '@headgate/contracts/names';
import { controlOf, modelRouting } from '@headgate/contracts/routing';
import type { RoutingSource } from '../routing/source.ts';
import { type EndpointHealth, watchEndpoint } from './endpoint-health.ts';
import type { Readiness } from './predictor.ts';
import { resolveTarget, type Target } from './target.ts';

export interface ReadinessOptions {
  readonly target: Target;
  /** Says which versions to ask for, and which of them is the control. */
  readonly routing: RoutingSource;
  /** How often each endpoint is asked, in ms. */
  readonly intervalMs: number;
  /** How often the name is resolved again, in ms. */
  readonly resolveIntervalMs: number;
  readonly report: ReadinessReport;
}

/** Told about changes, for the log. */
export interface ReadinessReport {
  readinessChanged(model: string, version: string, ready: boolean): void;
  /** The name of the inference pods cannot be resolved (once, until it can); the last addresses stay in use. */
  unresolved(error: unknown): void;
}

export interface UpstreamReadiness extends Readiness {
  /** Addresses that are asked, as `ip:port`. */
  endpoints(): readonly string[];
  stop(): void;
}

/**
 * Asks every inference endpoint which model versions it serves (decision D7). An endpoint is ready when it answers
 * and serves at least one version: one that is starting or draining serves none, one that loads a further version
 * goes on serving the others, so its server-wide status is not needed.
 *
 * A treatment is ready when every ready endpoint serves it: calls go to any of them. The control is ready when any
 * does: there is nothing to fall back to, and a call that meets another endpoint may be sent again.
 */
export function watchReadiness(options: ReadinessOptions): UpstreamReadiness {
  const { target, routing, intervalMs, resolveIntervalMs, report } = options;
  const endpoints = new Map<string, EndpointHealth>();
  const announced = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let resolved = true;
  let stopped = false;

  const services = () => served(routing).map(({ service }) => service);

  const isReady = (model: string, version: string) => {
    const service = healthServiceName(model, version);
    const ready = [...endpoints.values()].map((e) => e.serving()).filter((names) => names.size > 0);
    const serves = (names: ReadonlySet<string>) => names.has(service);
    return isControl(routing, model, version) ? ready.some(serves) : ready.length > 0 && ready.every(serves);
  };

  const announce = () => {
    for (const { model, version, service } of served(routing)) {
      const ready = isReady(model, version);
      if (announced.has(service) === ready) continue;
      if (ready) announced.add(service);
      else announced.delete(service);
      report.readinessChanged(model, version, ready);
    }
  };

  const follow = (addresses: readonly string[]) => {
    for (const [address, endpoint] of endpoints) {
      if (addresses.includes(address)) continue;
      endpoint.stop();
      endpoints.delete(address);
    }
    for (const address of addresses) {
      if (endpoints.has(address)) continue;
      endpoints.set(address, watchEndpoint({ address, services, intervalMs, onRound: announce }));
    }
  };

  const resolve = async () => {
    try {
      const addresses = await resolveTarget(target);
      if (stopped) return;
      follow(addresses);
      resolved = true;
    } catch (error) {
      if (resolved) report.unresolved(error);
      resolved = false;
    }
    if (!stopped) timer = setTimeout(resolve, resolveIntervalMs);
  };

  void resolve();
  return {
    isReady,
    endpoints: () => [...endpoints.keys()],
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      follow([]);
    },
  };
}

/** Every version of every model in the table. */
function served(routing: RoutingSource) {
  return Object.entries(routing.current().models).flatMap(([model, { versions }]) =>
    versions.map((version) => ({ model, version, service: healthServiceName(model, version) })),
  );
}

function isControl(routing: RoutingSource, model: string, version: string): boolean {
  const entry = modelRouting(routing.current(), model);
  return entry !== undefined && controlOf(entry.experiment).version === version;
}
