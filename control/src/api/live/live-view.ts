import type { LiveModel, LiveVariant, LiveView } from '@headgate/contracts/admin/api';
import type { ModelRouting, Variant } from '@headgate/contracts/routing';
import type { LiveFigures } from '../../figures/live-figures.ts';
import type { RoutingStore } from '../../routing/routing-store.ts';
import { routingView } from '../../routing/routing-view.ts';
import type { ObservedSplit } from './observed.ts';
import type { Pods } from './pods.ts';

const WINDOW_S = 60;

export interface LiveViewDeps {
  readonly routing: Pick<RoutingStore, 'current'>;
  readonly figures: Pick<LiveFigures, 'isFresh' | 'gateways' | 'readyOn' | 'window'>;
  readonly pods: Pick<Pods, 'refresh' | 'ofVersion'>;
  readonly observed: Pick<ObservedSplit, 'of'>;
  /** Id of the rollout in progress. */
  readonly rolloutOf: (model: string) => Promise<string | null>;
  /** Wall clock in ms. */
  readonly nowMs: () => number;
}

/** What is live now: the routing table, beside what gateways count, what pods serve and what was recorded. */
export async function liveView(deps: LiveViewDeps): Promise<LiveView> {
  await deps.pods.refresh();
  const { routing, ...source } = routingView(deps.routing.current());
  const { default_model, models } = routing;
  return {
    at_ms: deps.nowMs(),
    default_model,
    routing: source,
    fresh: deps.figures.isFresh(),
    gateways: deps.figures.gateways(),
    models: await Promise.all(Object.entries(models).map(([model, entry]) => modelView(deps, model, entry))),
  };
}

async function modelView(
  deps: LiveViewDeps,
  model: string,
  { versions, experiment }: ModelRouting,
): Promise<LiveModel> {
  const { inForce } = deps.routing.current();
  const observed = deps.observed.of(model, experiment.name, inForce.changedAtMs);
  return {
    model,
    experiment: experiment.name,
    variants: experiment.variants.map((variant, index) => ({
      ...variant,
      role: index === 0 ? ('control' as const) : ('treatment' as const),
      ...servingOf(deps.figures, model, variant),
      observed: observed(variant.name),
    })),
    versions: versions.map((version) => ({ version, pods: deps.pods.ofVersion(model, version) })),
    rollout: await deps.rolloutOf(model),
  };
}

/** A variant has traffic while every gateway finds its version ready (decision 0007). */
function servingOf(
  figures: LiveViewDeps['figures'],
  model: string,
  { name, version }: Variant,
): Pick<LiveVariant, 'ready' | 'figures'> {
  const gateways = figures.readyOn(model, version);
  const counted = figures.window({ model, version, variant: name }, WINDOW_S * 1000);
  return {
    ready: gateways.length > 0 && gateways.every(({ ready }) => ready),
    figures: counted
      ? {
          window_s: WINDOW_S,
          requests: counted.requests,
          errors: counted.errors,
          p50_ms: counted.p50Ms,
          p95_ms: counted.p95Ms,
          p99_ms: counted.p99Ms,
        }
      : null,
  };
}
