import { HeadgateError } from '@headgate/contracts/errors';
import { OTHER } from '@headgate/contracts/names';
import { controlOf, modelRouting, type Routing } from '@headgate/contracts/routing';
import type { VersionCounters } from '../telemetry/version-counters.ts';
import { Deployment, type DeploymentDeps, type Serving } from './deployment.ts';
import type { VersionName } from './repository.ts';

export interface CatalogueOptions extends Omit<DeploymentDeps, 'counters' | 'onChange'> {
  /** Counters of a version; the same ones when it is loaded again. */
  readonly countersOf: (model: string, version: string) => VersionCounters;
  /** Models of the routing table that this process serves. */
  readonly serves: (model: string) => boolean;
}

/**
 * The served model versions: those that the routing table names (decision 0015), and where requests may load and
 * unload models, what those said last about a model. A version that cannot be loaded leaves all others alone.
 */
export class Catalogue {
  readonly #options: CatalogueOptions;
  #routing: Routing | undefined;
  /** Versions of models that `load` and `unload` were called for; none = unloaded. Outranks the routing table. */
  readonly #explicit = new Map<string, readonly string[]>();
  #deployments = new Map<string, Deployment>();
  readonly #retiring = new Map<Deployment, Promise<void>>();
  /** Started for a load that has not ended yet. */
  readonly #fresh = new Set<Deployment>();
  readonly #failures = new Map<string, unknown>();
  readonly #listeners: (() => void)[] = [];

  /** Empty until the first routing table is applied. */
  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /** Calls `listener` after each change of what is served, or of the status of a version. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Loads newly named versions, and drains and drops those that are no longer named. Returns at once. */
  apply(routing: Routing): void {
    const own = Object.entries(routing.models).filter(([model]) => this.#options.serves(model));
    this.#routing = { ...routing, models: Object.fromEntries(own) };
    this.#reconcile(new Map());
  }

  /**
   * Loads versions of a model into fresh engines beside those that serve now, and then serves these and no
   * others of the model.
   *
   * @throws what the first of them failed with: everything stays as it was then
   */
  async load(model: string, versions: readonly string[]): Promise<void> {
    const fresh = await this.#startFresh(model, versions);
    this.#explicit.set(model, versions);
    this.#reconcile(fresh);
  }

  /** As `load`, of versions that are served already; what else is served does not change. */
  async reload(model: string, versions: readonly string[]): Promise<void> {
    this.#reconcile(await this.#startFresh(model, versions));
  }

  /** Drains and drops every version of a model. Returns at once. */
  unload(model: string): void {
    this.#explicit.set(model, []);
    for (const key of this.#failures.keys()) if (key.startsWith(keyOf(model, ''))) this.#failures.delete(key);
    this.#reconcile(new Map());
  }

  /** Every served version, in the order of the routing table; loading and failed ones too. */
  all(): readonly Deployment[] {
    return [...this.#deployments.values()];
  }

  /** Why the last load of a version failed that a request asked for; undefined when it did not. */
  failure(model: string, version: string): unknown {
    return this.#failures.get(keyOf(model, version));
  }

  /**
   * Where a call is counted: for the version that it is for, ready or not, else under `other`, so that callers
   * cannot mint series.
   */
  counters(model: string, version: string): VersionCounters {
    const deployment = this.get(model, version);
    if (deployment) return deployment.counters;
    return this.#options.countersOf(this.versions(model).length > 0 ? model : OTHER, OTHER);
  }

  /** Versions that finish what they accepted, and take nothing more. */
  retiring(): readonly Deployment[] {
    return [...this.#retiring.keys()];
  }

  /** The version that answers when a caller names none (decision 0016). */
  controlVersion(model: string): string | undefined {
    const routing = this.#routing && modelRouting(this.#routing, model);
    return routing ? controlOf(routing.experiment).version : this.#explicit.get(model)?.at(-1);
  }

  /** Served versions of a model, from old to new where a request loaded it. */
  versions(model: string): readonly string[] {
    return this.#explicit.get(model) ?? this.routedVersions(model);
  }

  /** Whether the routing table names a version that is loaded and gets no units and no copies. */
  isStaged({ model, version }: VersionName): boolean {
    const routing = this.#routing && modelRouting(this.#routing, model);
    if (!routing?.staged?.includes(version)) return false;
    const { experiment, shadows = [] } = routing;
    return ![...experiment.variants, ...shadows].some((one) => one.version === version);
  }

  /** Versions that the routing table names. */
  routedVersions(model: string): readonly string[] {
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
    const versions = this.versions(model);
    if (versions.length === 0) {
      throw new HeadgateError('unknown_model', 'model_name: no model of this name is served here.');
    }
    throw new HeadgateError(
      'unknown_version',
      `model_version: expected one of ${versions.join(', ')}, or none for the control version.`,
    );
  }

  /** Finishes what was accepted, within the drain timeout, and ends all engines. */
  async close(): Promise<void> {
    for (const deployment of [...this.#deployments.values(), ...this.#fresh]) this.#retire(deployment);
    this.#deployments = new Map();
    await Promise.all(this.#retiring.values());
  }

  /** Deployments that are ready, by their key. @throws what the first of them failed with */
  async #startFresh(model: string, versions: readonly string[]): Promise<ReadonlyMap<string, Deployment>> {
    const fresh = versions.map((version) => this.#deploy(model, version));
    for (const deployment of fresh) this.#fresh.add(deployment);
    try {
      await Promise.all(fresh.map(({ firstStart }) => firstStart));
    } catch (error) {
      for (const deployment of fresh) {
        if (deployment.problem) this.#failures.set(keyOf(model, deployment.version), deployment.problem);
        this.#retire(deployment);
      }
      throw error;
    } finally {
      for (const deployment of fresh) this.#fresh.delete(deployment);
    }
    for (const version of versions) this.#failures.delete(keyOf(model, version));
    return new Map(fresh.map((deployment) => [keyOf(model, deployment.version), deployment]));
  }

  /** Serves what is wanted now: `fresh` deployments before those that serve already, and new ones for the rest. */
  #reconcile(fresh: ReadonlyMap<string, Deployment>): void {
    const previous = this.#deployments;
    this.#deployments = new Map();
    const models = new Set([...Object.keys(this.#routing?.models ?? {}), ...this.#explicit.keys()]);
    for (const model of models) {
      for (const version of this.versions(model)) {
        const key = keyOf(model, version);
        const deployment = fresh.get(key) ?? previous.get(key) ?? this.#deploy(model, version);
        this.#deployments.set(key, deployment);
      }
    }
    const kept = new Set(this.#deployments.values());
    // Of the fresh ones, what the routing table gave up while they loaded is not wanted any more.
    const dropped = [...previous.values(), ...fresh.values()].filter((one) => !kept.has(one));
    for (const deployment of dropped) this.#retire(deployment);
    this.#changed();
  }

  #deploy(model: string, version: string): Deployment {
    const counters = this.#options.countersOf(model, version);
    const onChange = () => this.#changed();
    const deployment = new Deployment(model, version, { ...this.#options, counters, onChange });
    void deployment.start();
    return deployment;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #retire(deployment: Deployment): void {
    if (this.#retiring.has(deployment)) return;
    const done = deployment
      .retire(this.#options.drainTimeoutMs)
      .finally(() => this.#retiring.delete(deployment));
    this.#retiring.set(deployment, done);
  }
}

function keyOf(model: string, version: string): string {
  return `${model}/${version}`;
}
