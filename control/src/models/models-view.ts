import type { ModelsView, ModelVersionView, ModelView, Stage } from '@headgate/contracts/admin/api';
import { STAGES } from '@headgate/contracts/admin/api';
import { TAG } from '@headgate/contracts/registry';
import type { Rollout } from '@headgate/contracts/rollout';
import type { ModelRouting } from '@headgate/contracts/routing';
import type { Pods } from '../api/live/pods.ts';
import type { ProblemOf } from '../rollout/model-repository.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import { contentOf, type InferenceFigures } from './content.ts';
import type { FollowedRegistry } from './followed-registry.ts';
import { isComplete, type Registered } from './registry.ts';
import { promotionTo } from './rollback.ts';
import { controlVersion } from './tables.ts';

export interface ModelsViewDeps {
  readonly followed: Pick<FollowedRegistry, 'state' | 'model'>;
  readonly routing: Pick<RoutingStore, 'current'>;
  readonly rollouts: Pick<Rollouts, 'list'>;
  readonly inference: InferenceFigures;
  /** Reads the same figures. */
  readonly pods: Pick<Pods, 'refresh' | 'ofVersion'>;
  readonly problems: () => Promise<ProblemOf>;
}

/** Each model of the routing table: its versions in the registry, and those that are only in the table. */
export async function modelsView(deps: ModelsViewDeps): Promise<ModelsView> {
  const { followed, routing, rollouts, pods, inference } = deps;
  const [problemOf, all] = await Promise.all([deps.problems(), rollouts.list(), pods.refresh()]);
  const known = { rollouts: all, inference, pods, problemOf };
  const models = Object.entries(routing.current().routing.models).map(([model, table]) =>
    modelView(model, { ...known, table, registered: followed.model(model) }),
  );
  return { registry: followed.state(), models };
}

interface Known {
  readonly table: ModelRouting;
  readonly registered: Registered | undefined;
  readonly rollouts: readonly Rollout[];
  readonly inference: InferenceFigures;
  readonly pods: Pick<Pods, 'ofVersion'>;
  readonly problemOf: ProblemOf;
}

function modelView(model: string, known: Known): ModelView {
  const versions = new Set([
    ...(known.registered?.versions.map(({ version }) => version) ?? []),
    ...known.table.versions,
  ]);
  const newestFirst = [...versions].sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const rollbackTo = promotionTo(controlVersion(known.table), model, known.rollouts)?.control.version ?? null;
  return {
    model,
    rollback_to: rollbackTo,
    versions: newestFirst.map((version) => versionView(model, version, known)),
  };
}

function versionView(model: string, version: string, known: Known): ModelVersionView {
  const { registered, rollouts, table, inference, pods, problemOf } = known;
  const found = registered?.versions.find((one) => one.version === version);
  const rollout = rollouts.find((one) => one.model === model && one.candidate.version === version);
  const of = table.versions.includes(version) ? pods.ofVersion(model, version) : [];
  return {
    version,
    created_at_ms: found?.createdAtMs ?? null,
    complete: found ? isComplete(found) : true,
    content_differs: found !== undefined && contentOf(inference.figures(), model, found) === 'other',
    aliases: Object.entries(registered?.aliases ?? {}).flatMap(([alias, to]) =>
      to === version ? [alias] : [],
    ),
    stage: stageOf(found?.tags[TAG.stage]),
    rejected: found?.tags[TAG.rejected] ?? null,
    metrics: found?.metrics ?? {},
    data_version: found?.tags[TAG.dataVersion] ?? null,
    run_id: found?.runId || null,
    role: roleOf(table, version),
    ready_pods: of.filter(({ ready }) => ready).length,
    pods: of.length,
    problem: problemOf(model, version) ?? null,
    approved_by: rollout?.started_by ?? null,
    rollout: rollout?.id ?? null,
  };
}

const stageOf = (tag: string | undefined): Stage => STAGES.find((stage) => stage === tag) ?? 'None';

function roleOf(table: ModelRouting, version: string): ModelVersionView['role'] {
  if (controlVersion(table) === version) return 'control';
  if (table.experiment.variants.some((variant) => variant.version === version)) return 'treatment';
  return table.versions.includes(version) ? 'loaded' : null;
}
