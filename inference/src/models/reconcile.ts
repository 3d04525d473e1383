import { HeadgateError } from '@headgate/contracts/errors';
import { controlOf, modelRouting, type Routing } from '@headgate/contracts/routing';
import { Deployment, type DeploymentDeps, type Serving } from './deployment.ts';

export interface CatalogueOptions extends DeploymentDeps {
  /** A version that is no longer named finishes its work within this time, in ms. */
  readonly drainTimeoutMs: number;
}

/**
 * The served model versions: exactly those that the routing table names (decision D15). A version that cannot be
 * loaded leaves all others alone.
 */
export class Catalogue {
  readonly #options: CatalogueOptions;
  #routing: Routing | undefined;
  #deployments = new Map<string, Deployment>();
  readonly #retiring = new Set<Promise<void>>();

  /** Empty until the first routing table is applied. */
  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /** Loads newly named versions, and drains and drops those that are no longer named. Returns at once. */
  apply(routing: Routing): void {
    this.#routing = routing;
    const previous = this.#deployments;
    this.#deployments = new Map();
    for (const [model, { versions }] of Object.entries(routing.models)) {
      for (const version of versions) {
        const key = keyOf(model, version);
        this.#deployments.set(key, previous.get(key) ?? this.#deploy(model, version));
        previous.delete(key);
      }
    }
    for (const deployment of previous.values()) this.#retire(deployment);
    this.#options.onChange();
  }

  /** Every version that the routing table names, in its order. */
  all(): readonly Deployment[] {
    return [...this.#deployments.values()];
  }

  /** The version that answers when a caller names none (decision D16). */
  controlVersion(model: string): string | undefined {
    const routing = this.#routing && modelRouting(this.#routing, model);
    return routing && controlOf(routing.experiment).version;
  }

  versions(model: string): readonly string[] {
    return (this.#routing && modelRouting(this.#routing, model)?.versions) ?? [];
  }

  /** @param version '' for the control version */
  get(model: string, version: string): Deployment | undefined {
    const named = version === '' ? this.controlVersion(model) : version;
    return named === undefined ? undefined : this.#deployments.get(keyOf(model, named));
  }

  /**
   * A version that can take work now.
   *
   * @param version '' for the control version
   * @throws HeadgateError unknown_model, unknown_version, unavailable
   */
  serving(model: string, version: string): Serving {
    return this.find(model, version).serving();
  }

  /** @throws HeadgateError unknown_model, unknown_version */
  find(model: string, version: string): Deployment {
    const deployment = this.get(model, version);
    if (deployment) return deployment;
    if (this.controlVersion(model) === undefined) {
      throw new HeadgateError('unknown_model', 'model_name: no model of this name is served here.');
    }
    throw new HeadgateError(
      'unknown_version',
      `model_version: expected one of ${this.versions(model).join(', ')}, or none for the control version.`,
    );
  }

  /** Finishes what was accepted, within the drain timeout, and ends all engines. */
  async close(): Promise<void> {
    for (const deployment of this.#deployments.values()) this.#retire(deployment);
    this.#deployments = new Map();
    await Promise.all(this.#retiring);
  }

  #deploy(model: string, version: string): Deployment {
    const deployment = new Deployment(model, version, this.#options);
    void deployment.start();
    return deployment;
  }

  #retire(deployment: Deployment): void {
    const done = deployment.retire(this.#options.drainTimeoutMs).finally(() => this.#retiring.delete(done));
    this.#retiring.add(done);
  }
}

function keyOf(model: string, version: string): string {
  return `${model}/${version}`;
}
