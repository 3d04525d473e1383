import { isDeepStrictEqual } from 'node:util';
import { isActive, type Rollout } from '@headgate/contracts/rollout';
import { type ModelRouting, modelRouting } from '@headgate/contracts/routing';
import type { Logger } from '@headgate/runtime/logger';
import { AdminError } from '../api/api-env.ts';
import type { Changes } from '../audit/changes.ts';
import type { LiveFigures } from '../figures/live-figures.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import { CONTROL } from '../rollout/transitions.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { contentDiffers, contentOf, type InferenceFigures } from './content.ts';
import { type ControlVersion, type Fact, factsOf } from './facts.ts';
import type { FollowedRegistry } from './followed-registry.ts';
import { unready } from './readiness.ts';
import { completeOf, isComplete, type Registered, type Registry } from './registry.ts';
import { beforeStaged, controlVersion, withModel, withServed, withStaged } from './tables.ts';

export interface FollowerOptions {
  readonly followed: FollowedRegistry;
  readonly registry: Registry;
  readonly routing: RoutingStore;
  readonly rollouts: Pick<Rollouts, 'list'>;
  readonly figures: Pick<LiveFigures, 'readyOn' | 'gateways'>;
  readonly inference: InferenceFigures;
  readonly changes: Pick<Changes, 'must'>;
  /** In words which other process acts; null while this one does. */
  readonly follows: () => string | null;
  /** Setting `control.staged`. */
  readonly staged: 'load' | 'serve';
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/**
 * Brings the routing table and the registry together, by what both say now (decision 0111): versions that an alias names
 * are loaded, and aliases and tags follow the control of the table.
 */
export class Follower {
  readonly #options: FollowerOptions;
  /** What cannot be done; each is logged once, until it can. */
  readonly #failing = new Set<string>();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Never throws: what fails is tried again in the next round. */
  async round(): Promise<void> {
    const { followed, follows, inference } = this.#options;
    if (!(await followed.read()) || follows() !== null) return;
    await inference.round();
    for (const name of this.#names()) {
      const model = followed.model(name);
      if (!model) continue;
      // What the registry is told does not wait for a table that cannot be written.
      await this.#attempt(name, 'the routing table', () => this.#writeTable(name, model));
      const control = this.#control(name, model);
      if (!control) continue;
      await this.#attempt(name, 'the registry', () => this.#tell(name, model, control));
      await this.#attempt(name, 'the champion', async () => {
        if (control.content === 'other') throw new Error(contentDiffers(control.version));
      });
    }
  }

  /** None before the table has been read. */
  #names(): string[] {
    try {
      return Object.keys(this.#options.routing.current().routing.models);
    } catch {
      return [];
    }
  }

  async #rolloutsOf(name: string): Promise<Rollout[]> {
    return (await this.#options.rollouts.list()).filter(({ model }) => model === name);
  }

  /** Undefined where the registry is only read. */
  #control(name: string, model: Registered): ControlVersion | undefined {
    const { routing, inference, staged } = this.#options;
    const table = modelRouting(routing.current().routing, name);
    if (staged === 'serve' || !table) return undefined;
    const version = controlVersion(table);
    const registered = model.versions.find((one) => one.version === version && isComplete(one));
    return { version, content: registered ? contentOf(inference.figures(), name, registered) : 'unknown' };
  }

  async #tell(name: string, model: Registered, control: ControlVersion): Promise<void> {
    const { registry, follows } = this.#options;
    for (const fact of factsOf(model, control, await this.#rolloutsOf(name))) {
      if (follows() !== null) return;
      await write(registry, name, fact);
      this.#options.logger.info({ model: name, ...fact }, 'the registry follows the routing table');
    }
  }

  async #writeTable(name: string, model: Registered): Promise<void> {
    const { routing, changes, follows } = this.#options;
    const rollouts = await this.#rolloutsOf(name);
    const { routing: table, revision, refused } = routing.current();
    const before = modelRouting(table, name);
    // An operator is about to correct it.
    if (!before || refused.length > 0) return;
    const after = this.#wanted(name, before, model, rollouts);
    if (isDeepStrictEqual(before, after) || follows() !== null) return;
    const versions = after.versions.join(' ');
    const detail = { model: name, revision_before: revision, versions, control: controlVersion(after) };
    await changes.must('routing.write', CONTROL, { ...detail, why: 'aliases of the model registry' });
    // Not over what somebody wrote meanwhile: the next round begins with that.
    await routing.write(revision, (of) => withModel(of, name, () => after), CONTROL).catch(unlessConflict);
  }

  #wanted(name: string, before: ModelRouting, model: Registered, rollouts: readonly Rollout[]) {
    const { staged: mode, figures } = this.#options;
    const champion = completeOf(model, 'champion');
    const named = [
      completeOf(model, 'staging'),
      mode === 'serve' ? champion : completeOf(model, 'candidate'),
    ];
    const wanted = [...new Set(named)].filter((one) => one !== undefined);
    const after = withStaged(before, { wanted, kept: keptBy(rollouts) });
    const first = wanted[0] ?? beforeStaged(before);
    if (mode === 'load' || first === undefined || controlVersion(before) === first) return after;
    if (rollouts.some(isActive) || unready(figures, name, first) !== null) return after;
    return withServed(after, first, { isReturnKept: champion === undefined });
  }

  async #attempt(model: string, target: string, act: () => Promise<void>): Promise<void> {
    const key = `${target} of ${model}`;
    try {
      await act();
      this.#failing.delete(key);
    } catch (err) {
      if (!this.#failing.has(key))
        this.#options.logger.error(
          { err, model },
          `${target} cannot be brought up to date; it is tried again`,
        );
      this.#failing.add(key);
    }
  }
}

function write(registry: Registry, model: string, fact: Fact): Promise<void> {
  const { kind, version } = fact;
  if (kind === 'alias')
    return version === null
      ? registry.deleteAlias(model, fact.alias)
      : registry.setAlias(model, fact.alias, version);
  return fact.value === null
    ? registry.deleteTag(model, version, fact.tag)
    : registry.setTag(model, version, fact.tag, fact.value);
}

function unlessConflict(error: unknown): void {
  if (!(error instanceof AdminError) || error.reason !== 'conflict') throw error;
}

/** Both sides of the last promotion: a rollback, and a return from it, must not wait for a load. */
function keptBy(rollouts: readonly Rollout[]): string[] {
  const last = rollouts.find(({ state }) => state.kind === 'promoted');
  return last ? [last.control.version, last.candidate.version] : [];
}
