import type { RegistryState } from '@headgate/contracts/admin/api';
import type { Logger } from '@headgate/runtime/logger';
import { RegistryError } from '@headgate/runtime/registry/mlflow';
import { AdminError } from '../api/api-env.ts';
import { isComplete, type Registered, type Registry } from './registry.ts';

export interface FollowedRegistryOptions {
  /** Undefined where the configuration names none. */
  readonly registry: Registry | undefined;
  /** Wall clock in ms. */
  readonly nowMs: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

type Models = ReadonlyMap<string, Registered>;

/** Newest versions of a model that are of interest; two years of weekly trainings. Older ones count while an alias names them. */
const NEWEST = 100;

const NONE = { state: 'none', detail: 'No registry is configured: set registry.url.' } as const;
const UNREAD = { state: 'unreachable', detail: 'The model registry has not been read yet.' } as const;

/** The registry as it was read last; that stays while the registry is away. */
export class FollowedRegistry {
  readonly #options: FollowedRegistryOptions;
  #state: RegistryState;
  #models: Models = new Map();
  /** By run, which has all of its metrics before its version is complete. */
  #metrics: ReadonlyMap<string, Record<string, number>> = new Map();
  /** Logged once, until it answers again. */
  #isAway = false;
  #reading: Promise<unknown> = Promise.resolve();
  /** Begins when `#reading` ends. */
  #next: Promise<boolean> | undefined;

  constructor(options: FollowedRegistryOptions) {
    this.#options = options;
    this.#state = { ...(options.registry ? UNREAD : NONE), checked_at_ms: null };
  }

  state(): RegistryState {
    return this.#state;
  }

  model(name: string): Registered | undefined {
    return this.#models.get(name);
  }

  /**
   * Reads what the registry says from now on: after a read in progress, which may have seen less, and once for all who
   * wait for that. Never throws.
   *
   * @returns whether the registry answered
   */
  read(): Promise<boolean> {
    this.#next ??= this.#reading.then(() => {
      this.#next = undefined;
      const reading = this.#read();
      this.#reading = reading;
      return reading;
    });
    return this.#next;
  }

  async #read(): Promise<boolean> {
    const { registry, nowMs, logger } = this.#options;
    if (!registry) return false;
    try {
      this.#models = await this.#ask(registry);
      this.#state = { state: 'ok', detail: '', checked_at_ms: nowMs() };
      if (this.#isAway) logger.info('the model registry answers again');
      this.#isAway = false;
      return true;
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err);
      this.#state = {
        ...this.#state,
        state: 'unreachable',
        detail: `The model registry does not answer: ${why}.`,
      };
      if (!this.#isAway) logger.warn({ err }, 'the model registry does not answer; what is served stays');
      this.#isAway = true;
      return false;
    }
  }

  /** For a change: the registry, and what it says of the model now. @throws AdminError */
  async forChange(name: string): Promise<{ readonly registry: Registry; readonly model: Registered }> {
    const { registry } = this.#options;
    if (!registry) throw new AdminError('conflict', NONE.detail);
    if (!(await this.read())) {
      throw new AdminError('store_unavailable', `${this.#state.detail} Nothing was changed.`);
    }
    const model = this.model(name);
    if (!model) throw new AdminError('not_found', 'The registry has no such model.');
    return { registry, model };
  }

  async #ask(registry: Registry): Promise<Models> {
    const [models, stored] = await Promise.all([registry.models(), registry.versions()]);
    const newestFirst = stored.toSorted((a, b) => Number(b.version) - Number(a.version));
    const known = new Map<string, Registered>();
    const metrics = new Map<string, Record<string, number>>();
    for (const { model: name, aliases } of models) {
      const named = new Set(Object.values(aliases));
      const ofModel = newestFirst.filter(({ model }) => model === name);
      const kept = ofModel.filter(({ version }, index) => index < NEWEST || named.has(version));
      const versions = [];
      for (const one of kept) {
        if (isComplete(one) && one.runId !== '')
          metrics.set(one.runId, await this.#metricsOf(registry, one.runId));
        versions.push({ ...one, metrics: metrics.get(one.runId) ?? {} });
      }
      known.set(name, { aliases, versions });
    }
    this.#metrics = metrics;
    return known;
  }

  async #metricsOf(registry: Registry, runId: string): Promise<Record<string, number>> {
    const known = this.#metrics.get(runId);
    if (known) return known;
    return registry.metrics(runId).catch((error: unknown) => {
      // Somebody deleted the run.
      if (error instanceof RegistryError && error.isRefusal) return {};
      throw error;
    });
  }
}
