import type { Rollback, RolledBack } from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import type { ModelRouting } from '@headgate/contracts/routing';
import type { Clock } from '@headgate/runtime/clock';
import { AdminError } from '../api/api-env.ts';
import type { Changes } from '../audit/changes.ts';
import type { LiveFigures } from '../figures/live-figures.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { knownModel } from '../routing/weights.ts';
import { unready } from './readiness.ts';
import { controlVersion, withAllTo, withModel } from './tables.ts';

export interface RollbackDeps {
  readonly routing: RoutingStore;
  readonly rollouts: Pick<Rollouts, 'list' | 'activeOf' | 'act'>;
  readonly figures: Pick<LiveFigures, 'readyOn' | 'gateways'>;
  readonly changes: Pick<Changes, 'note'>;
  readonly clock: Clock;
  readonly pause: (ms: number) => Promise<unknown>;
}

/** For a version that was unloaded and comes from the cache on disk. The command line waits for 65 s. */
const READY_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 100;

/**
 * Gives all units to the control of before the last promotion, or to `to`; rolls back the rollout in progress instead, if
 * there is one. It needs neither the registry nor the store of records, and an audit log that is full does not stop it.
 *
 * @throws AdminError conflict where there is no such version, or it is not ready within a minute: nothing is switched then
 */
export async function rollBack(
  deps: RollbackDeps,
  model: string,
  { to, why = '' }: Rollback,
  by: string,
): Promise<RolledBack> {
  const { rollouts, routing, changes, clock } = deps;
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
      const load = (one: ModelRouting) => ({ ...one, versions: [...one.versions, target.version] });
      await written(routing, revision, (all) => withModel(all, model, load), by);
    }
    if (clock.monotonicMs() - startMs >= READY_WITHIN_MS) {
      throw notReady(target.version, missing ?? 'somebody else writes the routing table');
    }
    await deps.pause(LOOK_EVERY_MS);
  }
}

/** The version that gets all units, with the name that its variant had. @throws AdminError conflict */
function targetOf(of: ModelRouting, rollouts: readonly Rollout[], model: string, to: string | undefined) {
  const control = controlVersion(of);
  const last = rollouts.find(
    (one) => one.model === model && one.state.kind === 'promoted' && one.candidate.version === control,
  );
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
