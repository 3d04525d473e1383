import { healthServiceName } from '@headgate/contracts/names';
import { controlOf, modelRouting } from '@headgate/contracts/routing';
import type { RoutingSource } from '../routing/source.ts';
import { healthConnector, watchEndpoint } from './endpoint-health.ts';
import { followEndpoints } from './endpoints.ts';
import type { Readiness } from './predictor.ts';

export interface ReadinessOptions {
  /** The addresses of the inference endpoints that exist now, as `ip:port`. */
  readonly resolve: () => Promise<readonly string[]>;
  /** Says which versions to ask for, and which of them is the control. */
  readonly routing: RoutingSource;
  /** How often each endpoint is asked, in ms. */
  readonly intervalMs: number;
  /** An endpoint that has not answered a check by then is not serving. */
  readonly timeoutMs: number;
  /** How often the addresses are resolved again, in ms. */
  readonly resolveIntervalMs: number;
  readonly report: ReadinessReport;
}

/** Told about changes, for the log. */
export interface ReadinessReport {
  readinessChanged(model: string, version: string, ready: boolean): void;
  /** The name of the inference pods cannot be resolved; the last addresses stay in use. */
  unresolved(error: unknown): void;
}

export interface UpstreamReadiness extends Readiness {
  /** Endpoints that exist now, as `ip:port`. */
  endpoints(): readonly string[];
  /** Endpoints that serve the version now, as `ip:port`; an empty version: those that serve any of the model. */
  addressesOf(model: string, version: string): readonly string[];
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
  const { resolve, routing, intervalMs, timeoutMs, resolveIntervalMs, report } = options;
  const connect = healthConnector(intervalMs);
  const announced = new Set<string>();

  const isReady = (model: string, version: string) => {
    const service = healthServiceName(model, version);
    const ready = endpoints.all().filter((endpoint) => endpoint.serving().size > 0);
    const serving = ready.filter((endpoint) => endpoint.serving().has(service));
    return serving.length > 0 && (serving.length === ready.length || isControl(routing, model, version));
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

  const services = () => served(routing).map(({ service }) => service);
  const endpoints = followEndpoints({
    resolve,
    intervalMs: resolveIntervalMs,
    open: (address) =>
      watchEndpoint({
        address,
        client: connect(address),
        services,
        intervalMs,
        timeoutMs,
        onRound: announce,
      }),
    onUnresolved: report.unresolved,
  });
  const addressesOf = (model: string, version: string) => {
    const name = healthServiceName(model, version);
    // Asked for each call: a look-up where the version is known.
    const serves = (serving: ReadonlySet<string>) =>
      version === '' ? [...serving].some((service) => service.startsWith(name)) : serving.has(name);
    return endpoints
      .all()
      .filter((endpoint) => serves(endpoint.serving()))
      .map(({ address }) => address);
  };
  const addresses = () => endpoints.all().map(({ address }) => address);
  return { isReady, endpoints: addresses, addressesOf, stop: endpoints.stop };
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
