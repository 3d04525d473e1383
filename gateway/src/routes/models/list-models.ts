import type { ModelRouting } from '@headgate/contracts/routing';
import { allowsModel } from '../../auth/identity.ts';
import type { RouteHandler } from '../../context.ts';
import type { RoutingSource } from '../../routing/source.ts';
import type { Readiness } from '../../upstream/inference.ts';
import type { ModelsAnswer } from './schema.ts';

export interface ListModelsOptions {
  readonly routing: RoutingSource;
  readonly readiness: Readiness;
}

/** What is served of what the caller may use, what of it is ready, and how the units are split. The salt of an experiment stays inside. */
export function listModels({ routing, readiness }: ListModelsOptions): RouteHandler {
  const describe = (
    name: string,
    { versions, experiment }: ModelRouting,
  ): ModelsAnswer['models'][number] => ({
    name,
    versions: versions.map((version) => ({ version, ready: readiness.isReady(name, version) })),
    experiment: { name: experiment.name, variants: experiment.variants },
  });

  return function listModels(c) {
    const { default_model, models } = routing.current();
    const isAllowed = (name: string) => allowsModel(c.get('identity'), name);
    const answer: ModelsAnswer = {
      default_model: isAllowed(default_model) ? default_model : null,
      models: Object.entries(models)
        .filter(([name]) => isAllowed(name))
        .map(([name, model]) => describe(name, model)),
    };
    return c.json(answer);
  };
}
