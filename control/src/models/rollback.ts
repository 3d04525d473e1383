import type { Rollback, RolledBack } from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import type { ModelRouting, Routing } from '@headgate/contracts/routing';
import type { Clock } from '@headgate/runtime/clock';
import { AdminError } from '../api/api-env.ts';
import type { Changes } from '../audit/changes.ts';
import type { LiveFigures } from '../figures/live-figures.ts';
import type { VersionsOf } from '../rollout/model-repository.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { knownModel } from '../routing/weights.ts';
import type { FollowedRegistry } from './followed-registry.ts';
import { unready } from './readiness.ts';
import { servedOf } from './registry.ts';
import { controlVersion, withAllTo, withLoaded, withModel, withoutIdle } from './tables.ts';

export interface RollbackDeps {
  readonly routing: RoutingStore;
  readonly rollouts: Pick<Rollouts, 'list' | 'activeOf' | 'act'>;
  readonly figures: Pick<LiveFigures, 'readyOn' | 'gateways'>;
  readonly changes: Pick<Changes, 'note'>;
  readonly followed: Pick<FollowedRegistry, 'model' | 'state'>;
  readonly versionsOf: VersionsOf;
  /** Setting `control.staged`. */
  readonly staged: 'load' | 'serve';
  readonly clock: Clock;
  readonly pause: (ms: number) => Promise<unknown>;
}

/** For a version that was unloaded and comes from the cache on disk. The command line waits for 65 s. */
const READY_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 100;
/** Of a write, while others write too. */
const MAX_ATTEMPTS = 5;

/**
 * Gives all units to the control of before the last promotion, or to `to`; rolls back the rollout in progress instead, if
 * there is one. It needs neither the registry nor the store of records, and an audit log that is full does not stop it.
 *
 * @throws AdminError conflict where there is no such version, or it is not ready within a minute: nothing is changed then
 */
export async function rollBack(
  deps: RollbackDeps,
  model: string,
  { to, why = '' }: Rollback,
  by: string,
): Promise<RolledBack> {
  const loaded = new Set<string>();
  try {
    return await switched(deps, model, { to, why, by, loaded });
  } catch (error) {
    for (const version of loaded) await unload(deps, model, version, by);
    throw error;
  }
}

interface Switch {
  readonly to: string | undefined;
  readonly why: string;
  readonly by: string;
  /** Gets the version that had to be loaded. */
  readonly loaded: Set<string>;
}

async function switched(deps: RollbackDeps, model: string, asked: Switch): Promise<RolledBack> {
  const { rollouts, routing, changes, clock } = deps;
  const { to, why, by, loaded } = asked;
  const startMs = clock.monotonicMs();
  const done = (from: string, target: string): RolledBack => ({
    from,
    to: target,
    took_ms: Math.round(clock.monotonicMs() - startMs),
  });
  for (;;) {
    const active = await rollouts.activeOf(model);
    if (active) await rollouts.act(active.id, 'rollback', by, why);
    const ended = active?.control.version;
    if (active && ended !== undefined && (to ?? ended) === ended)
      return done(active.candidate.version, ended);

    const { routing: table, revision } = routing.current();
    const of = knownModel(table, model);
    const target = targetOf(of, await rollouts.list(), model, to);
    mustStay(deps, model, target.version);
    const isLoaded = of.versions.includes(target.version);
    const missing = isLoaded ? unready(deps.figures, model, target.version) : 'it is not loaded';
    if (missing === null) {
      const name = `rollback-${stamp(clock.epochMs())}-to-${target.version}`.slice(0, 64);
      const change = (one: ModelRouting) => withAllTo(one, target.version, name, target.variant);
      if (await written(routing, revision, (all) => withModel(all, model, change), by)) {
        const from = controlVersion(of);
        changes.note('model.rollback', by, { model, from, version: target.version, ...(why && { why }) });
        return done(from, target.version);
      }
    } else if (!isLoaded) {
      await mustExist(deps, model, target.version);
      const after = withLoaded(of, target.version);
      if (await written(routing, revision, (all) => withModel(all, model, () => after), by)) {
        loaded.add(target.version);
        noteTable(deps, by, { model, version: target.version, why: 'loaded for a rollback' });
      }
    }
    if (clock.monotonicMs() - startMs >= READY_WITHIN_MS) {
      throw notReady(target.version, missing ?? 'somebody else writes the routing table');
    }
    await deps.pause(LOOK_EVERY_MS);
  }
}

/** The newest rollout that made a version the control. @param rollouts newest first */
export const promotionTo = (version: string, model: string, rollouts: readonly Rollout[]) =>
  rollouts.find(
    (one) => one.model === model && one.state.kind === 'promoted' && one.candidate.version === version,
  );

/** The version that gets all units, with the name that its variant had. @throws AdminError conflict */
function targetOf(of: ModelRouting, rollouts: readonly Rollout[], model: string, to: string | undefined) {
  const control = controlVersion(of);
  const last = promotionTo(control, model, rollouts);
  const version = to ?? last?.control.version;
  if (version === undefined) {
    const detail = `No rollout that is on record led to version ${control}: name the version to return to.`;
    throw new AdminError('conflict', detail);
  }
  if (version === control) throw new AdminError('conflict', `Version ${version} is the control already.`);
  const named = of.experiment.variants.find((variant) => variant.version === version)?.name;
  const before = last?.control.version === version ? last.control.variant : undefined;
  return { version, variant: named ?? before ?? `v${version}`.slice(0, 64) };
}

/** Where the registry says which version is served, control would undo anything else. @throws AdminError conflict */
function mustStay({ followed, staged }: RollbackDeps, model: string, version: string): void {
  const registered = followed.model(model);
  const served = staged === 'serve' && registered ? servedOf(registered) : undefined;
  if (served === undefined || served === version) return;
  const detail = `Here the registry says which version is served: reject version ${served}, or move the alias staging.`;
  throw new AdminError('conflict', detail);
}

/** Asks all that can know a version; where one of them cannot say, waiting for it decides. @throws AdminError conflict */
async function mustExist(deps: RollbackDeps, model: string, version: string): Promise<void> {
  const { followed, rollouts, versionsOf } = deps;
  const ofModel = (await rollouts.list()).filter((one) => one.model === model);
  if (ofModel.some(({ control, candidate }) => [control.version, candidate.version].includes(version)))
    return;
  const { state, checked_at_ms } = followed.state();
  if (state !== 'none' && checked_at_ms === null) return;
  if (followed.model(model)?.versions.some((one) => one.version === version)) return;
  const stored = await versionsOf(model);
  if (stored?.includes(version) !== false) return;
  const detail = `There is no version ${version}: neither the model repository, nor the registry, nor a rollout names it.`;
  throw new AdminError('conflict', detail);
}

/** Takes a version out of the table again that was loaded in vain. */
async function unload(deps: RollbackDeps, model: string, version: string, by: string): Promise<void> {
  const { routing } = deps;
  const change = (all: Routing) => withModel(all, model, (of) => withoutIdle(of, version));
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    if (!(await written(routing, routing.current().revision, change, by))) continue;
    noteTable(deps, by, { model, version, why: 'unloaded after a rollback that failed' });
    return;
  }
}

const noteTable = ({ changes }: RollbackDeps, by: string, detail: Record<string, string>) =>
  changes.note('routing.write', by, detail);

/** @returns false where somebody else wrote the table first */
async function written(
  ...[routing, ...write]: [RoutingStore, ...Parameters<RoutingStore['write']>]
): Promise<boolean> {
  try {
    await routing.write(...write);
    return true;
  } catch (error) {
    if (error instanceof AdminError && error.reason === 'conflict') return false;
    throw error;
  }
}

const notReady = (version: string, missing: string) =>
  new AdminError(
    'conflict',
    `Version ${version} was not ready within ${READY_WITHIN_MS / 1000} s (${missing}), so nothing was switched. The log of inference says why it is not loaded.`,
  );

const stamp = (atMs: number): string => new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '');
