import type { RolloutView, RoutingView } from '@headgate/contracts/admin/api';
import { useEffect } from 'preact/hooks';
import { Loaded } from '../components/loaded.tsx';
import { liveModel, ModelPicker, modelName, NoModel } from '../components/model.tsx';
import { Page } from '../components/page.tsx';
import { RefusedTable } from '../components/refused-table.tsx';
import { Empty } from '../components/table.tsx';
import { formatList, formatPercent } from '../format.ts';
import { changedRollouts, changedRouting } from '../live.ts';
import { type Resource, useResource } from '../resource.ts';
import { href } from '../router.ts';
import { WeightsEditor } from './weights/editor.tsx';
import { ExplainUnit } from './weights/explain-unit.tsx';

/** Who gets which version, and how to change it by hand. */
export function WeightsPage() {
  const routing = useResource<RoutingView>('/routing');
  const revision = changedRouting.value?.revision;
  const { reload } = routing;
  useEffect(() => {
    if (revision !== undefined && revision !== routing.value?.revision) reload();
  }, [revision]);
  const name = modelName() ?? routing.value?.routing.default_model;
  return (
    <Page title="Weights" answer={answerOf(routing.value, name)} aside={<ModelPicker page="weights" />}>
      <Loaded of={routing} what="the routing table">
        {(view) =>
          name === undefined ? null : <ModelWeights key={name} routing={routing} view={view} name={name} />
        }
      </Loaded>
    </Page>
  );
}

function ModelWeights(props: { routing: Resource<RoutingView>; view: RoutingView; name: string }) {
  const { routing, view, name } = props;
  const variants = variantsOf(view, name);
  if (variants === undefined) return <NoModel name={name} />;
  const rollout = useRollout(liveModel(name)?.rollout ?? null);
  return (
    <>
      <RefusedTable newest={view}>When you save, the table below replaces it.</RefusedTable>
      {rollout !== null && <RolloutNote {...rollout} name={name} />}
      {variants.length === 1 ? (
        <Empty>
          {name} serves one version, so there is nothing to split.{' '}
          <a href={href('rollout')}>Start a rollout of another version</a>
        </Empty>
      ) : (
        <WeightsEditor
          model={name}
          view={view}
          variants={variants}
          isLocked={rollout !== null && !rollout.isPaused}
          onReload={routing.reload}
        />
      )}
      <ExplainUnit model={name} />
    </>
  );
}

/** The rollout in progress; not paused until control says so. */
function useRollout(id: string | null) {
  const loaded = useResource<RolloutView>(id && `/rollouts/${encodeURIComponent(id)}`, { everyMs: 10_000 });
  if (id === null) return null;
  const newest = changedRollouts.value.get(id) ?? loaded.value;
  return { id, isPaused: newest?.state.kind === 'paused' };
}

function RolloutNote({ id, isPaused, name }: { id: string; isPaused: boolean; name: string }) {
  const there = href('rollout', [id]);
  return (
    <p class="note warn">
      {isPaused ? (
        <>
          <a href={there}>A rollout of {name}</a> is paused: what you save here stays, and the rollout goes on
          from it when somebody resumes it.
        </>
      ) : (
        <>
          A rollout of {name} is in progress and owns its weights.{' '}
          <a href={there}>Promote, pause or roll it back</a> first.
        </>
      )}
    </p>
  );
}

function variantsOf({ routing }: RoutingView, name: string) {
  return Object.hasOwn(routing.models, name) ? routing.models[name]?.experiment.variants : undefined;
}

function answerOf(view: RoutingView | undefined, name: string | undefined): string | undefined {
  const variants = view && name !== undefined ? variantsOf(view, name) : undefined;
  if (variants === undefined) return undefined;
  const parts = variants.map(
    (variant) => `${formatPercent(variant.weight)} ${variant.name} (version ${variant.version})`,
  );
  return `${name} is split into ${formatList(parts)}.`;
}
