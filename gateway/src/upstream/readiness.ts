import { healthServiceName } from '@headgate/contracts/names';
import { controlOf, modelRouting } from '@headgate/contracts/routing';
import type { RoutingSource } from '../routing/source.ts';
import type { Endpoint } from './endpoints.ts';
import type { ModelName, Readiness } from './inference.ts';

/** Told about changes, for the log. */
export interface ReadinessReport {
  readinessChanged(model: string, version: string, ready: boolean): void;
  /** The name of the inference pods cannot be resolved; the last addresses stay in use. */
  unresolved(error: unknown): void;
}

/**
 * Which versions may get traffic (decision 0007). An endpoint is ready when it answers and serves at least one version:
 * one that is starting or draining serves none, one that loads a further version goes on serving the others, so its
 * server-wide status is not needed.
 *
 * A treatment is ready when every ready endpoint that serves its model serves it: pools may serve different models. The
 * control is ready when any does: there is nothing to fall back to, and a call that meets another endpoint may be sent
 * again.
 */
export function readinessOf(endpoints: () => readonly Endpoint[], routing: RoutingSource): Readiness {
  return {
    isReady(model, version) {
      const service = healthServiceName(model, version);
      const ofModel = healthServiceName(model, '');
      const ready = endpoints().filter(({ serving }) =>
        [...serving].some((name) => name.startsWith(ofModel)),
      );
      const serving = ready.filter((endpoint) => endpoint.serving.has(service));
      return serving.length > 0 && (serving.length === ready.length || isControl(routing, model, version));
    },
  };
}

/** Reports each change of readiness once; called after each round of health checks. */
export function announcer(
  readiness: Readiness,
  routing: RoutingSource,
  report: Pick<ReadinessReport, 'readinessChanged'>,
): () => void {
  const announced = new Set<string>();
  return () => {
    for (const { model, version } of versionsOf(routing)) {
      const service = healthServiceName(model, version);
      const ready = readiness.isReady(model, version);
      if (announced.has(service) === ready) continue;
      if (ready) announced.add(service);
      else announced.delete(service);
      report.readinessChanged(model, version, ready);
    }
  };
}

/** Every version of every model in the table. */
export function versionsOf(routing: RoutingSource): ModelName[] {
  return Object.entries(routing.current().models).flatMap(([model, { versions }]) =>
    versions.map((version) => ({ model, version })),
  );
}

function isControl(routing: RoutingSource, model: string, version: string): boolean {
  const entry = modelRouting(routing.current(), model);
  return entry !== undefined && controlOf(entry.experiment).version === version;
}
