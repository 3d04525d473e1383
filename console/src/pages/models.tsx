import type { ModelsView, ModelVersionView, ModelView } from '@headgate/contracts/admin/api';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Loaded } from '../components/loaded.tsx';
import { liveModel } from '../components/model.tsx';
import { Page } from '../components/page.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { formatMs } from '../format.ts';
import { useResource } from '../resource.ts';
import { href } from '../router.ts';
import { RollBack, VersionActions } from './models/actions.tsx';
import {
  answerOf,
  differenceTo,
  isCandidate,
  isRejectable,
  ROLE_WORDS,
  registryNote,
  STAGE_TONES,
} from './models/words.ts';

const RELOAD_MS = 5000;

/** Which versions there are, how good they are, and which of them waits for a person. */
export function ModelsPage() {
  const view = useResource<ModelsView>('/models', { everyMs: RELOAD_MS });
  return (
    <Page title="Models" answer={view.value && answerOf(view.value)}>
      <Loaded of={view} what="the models">
        {({ registry, models }) => (
          <>
            <RegistryNote registry={registry} />
            {models.map((model) => (
              <ModelCard key={model.model} of={model} onChange={view.reload} />
            ))}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function RegistryNote({ registry }: Pick<ModelsView, 'registry'>) {
  const note = registryNote(registry);
  if (note === undefined) return null;
  return (
    <p class={`note ${note.tone}`} role="status">
      {note.text}{' '}
      {registry.checked_at_ms !== null && (
        <>
          The registry last answered <Time atMs={registry.checked_at_ms} />.
        </>
      )}
    </p>
  );
}

function ModelCard({ of, onChange }: { readonly of: ModelView; readonly onChange: () => void }) {
  const { model, versions } = of;
  const rollout = liveModel(model)?.rollout ?? null;
  return (
    <Card
      title={model}
      aside={
        <div class="row">
          {rollout !== null && <a href={href('rollout', [rollout])}>Rollout in progress</a>}
          <RollBack of={of} rollout={rollout} onChange={onChange} />
        </div>
      }
    >
      <Table
        caption={`Versions of ${model}, newest first`}
        rows={versions}
        keyOf={({ version }) => version}
        columns={columnsOf(of, onChange)}
      />
      {versions.length > 1 && isRegistered(of) && (
        <p class="hint">Below a figure stands its difference to the control's.</p>
      )}
    </Card>
  );
}

function columnsOf({ model, versions }: ModelView, onChange: () => void): Column<ModelVersionView>[] {
  const control = versions.find(({ role }) => role === 'control');
  const metric = (
    head: string,
    name: string,
    format: (value: number) => string,
  ): Column<ModelVersionView> => ({
    head,
    numeric: true,
    cell: (one) => (
      <>
        {one.metrics[name] === undefined ? '–' : format(one.metrics[name])}
        <div class="hint">{differenceTo(control, one, name)}</div>
      </>
    ),
  });
  const columns: Column<ModelVersionView>[] = [
    { head: 'Version', cell: VersionCell },
    { head: 'Stage', cell: StageCell },
    metric('Accuracy', 'accuracy', fourDecimals),
    metric('Macro F1', 'macro_f1', fourDecimals),
    metric('Calibration error', 'ece', fourDecimals),
    metric('Latency p95', 'latency_p95_ms', formatMs),
    {
      head: 'Data',
      cell: ({ data_version: data }) =>
        data ? (
          <span class="short" title={data}>
            {data}
          </span>
        ) : (
          '–'
        ),
    },
    { head: 'Registered', cell: HistoryCell },
    { head: 'Decide', cell: (one) => <VersionActions model={model} version={one} onChange={onChange} /> },
  ];
  if (!isRegistered({ versions })) return columns.slice(0, 1);
  return versions.some((one) => isCandidate(one) || isRejectable(one)) ? columns : columns.slice(0, -1);
}

const isRegistered = ({ versions }: Pick<ModelView, 'versions'>) =>
  versions.some(({ created_at_ms }) => created_at_ms !== null);

const fourDecimals = (value: number) => value.toFixed(4);

function VersionCell({ version, role, pods, ready_pods: ready }: ModelVersionView) {
  return (
    <>
      {version}
      {role !== null && (
        <div class="hint">
          {ROLE_WORDS[role]}
          {ready < pods && `, ready on ${ready} of ${pods} pods`}
        </div>
      )}
    </>
  );
}

function StageCell({ complete, stage, aliases, rejected, role, other_content }: ModelVersionView) {
  return (
    <>
      {complete ? (
        <Badge tone={STAGE_TONES[stage]}>{stage}</Badge>
      ) : (
        <>
          <Badge tone="warn">Incomplete</Badge>
          <div class="hint">its registration has not ended</div>
        </>
      )}
      {other_content && <div class="hint free">Inference serves another content as this version</div>}
      {aliases.length > 0 && <div class="hint">{aliases.join(', ')}</div>}
      {rejected !== null && role !== 'control' && <div class="hint free">Turned down: {rejected}</div>}
    </>
  );
}

function HistoryCell({ created_at_ms: created, approved_by: by, rollout }: ModelVersionView) {
  return (
    <>
      {created === null ? 'in the models folder alone' : <Time atMs={created} />}
      {by !== null && rollout !== null && (
        <div class="hint">
          approved by <a href={href('rollout', [rollout])}>{by}</a>
        </div>
      )}
    </>
  );
}
