import type { ModelsView, ModelVersionView, ModelView, RegistryState } from '@headgate/contracts/admin/api';
import { SERVING, stateOf, unregistered } from '@headgate/contracts/admin/version-words';
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
import { answerOf, differenceTo, isRejectable, registryNote, STATE_TONES } from './models/words.ts';

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
              <ModelCard key={model.model} of={model} registry={registry} onChange={view.reload} />
            ))}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function RegistryNote({ registry }: { readonly registry: RegistryState }) {
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

interface ModelCardProps {
  readonly of: ModelView;
  readonly registry: RegistryState;
  readonly onChange: () => void;
}

function ModelCard({ of, registry, onChange }: ModelCardProps) {
  const { model, versions } = of;
  const rollout = liveModel(model)?.rollout ?? null;
  const adopt = unregistered(of, registry);
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
      {adopt !== undefined && (
        <p class="note info">
          {adopt.text}
          <br />
          <code>{adopt.command}</code>
        </p>
      )}
      <Table
        caption={`Versions of ${model}, newest first`}
        rows={versions}
        keyOf={({ version }) => version}
        columns={columnsOf(of, onChange)}
      />
      {versions.some(({ metrics, role }) => role !== 'control' && 'accuracy' in metrics) && (
        <p class="hint">Below a figure stands its difference to the control's.</p>
      )}
    </Card>
  );
}

/** Without those that no version fills. */
function columnsOf({ model, versions }: ModelView, onChange: () => void): Column<ModelVersionView>[] {
  const control = versions.find(({ role }) => role === 'control');
  const columns: (Column<ModelVersionView> & { readonly fills: (one: ModelVersionView) => boolean })[] = [
    { head: 'Version', cell: ({ version }) => version, fills: () => true },
    { head: 'State', cell: StateCell, fills: () => true },
    ...METRICS.map(({ head, name, format }) => ({
      head,
      numeric: true,
      cell: (one: ModelVersionView) => (
        <>
          {one.metrics[name] === undefined ? '–' : format(one.metrics[name])}
          <div class="hint">{differenceTo(control, one, name)}</div>
        </>
      ),
      fills: ({ metrics }: ModelVersionView) => metrics[name] !== undefined,
    })),
    { head: 'Data', cell: DataCell, fills: ({ data_version }) => data_version !== null },
    { head: 'Registered', cell: HistoryCell, fills: ({ created_at_ms }) => created_at_ms !== null },
    {
      head: 'Decide',
      cell: (one) => <VersionActions model={model} version={one} onChange={onChange} />,
      fills: isRejectable,
    },
  ];
  return columns.filter(({ fills }) => versions.some(fills));
}

function DataCell({ data_version: data }: ModelVersionView) {
  return data ? (
    <span class="short" title={data}>
      {data}
    </span>
  ) : (
    '–'
  );
}

const fourDecimals = (value: number) => value.toFixed(4);

const METRICS = [
  { head: 'Accuracy', name: 'accuracy', format: fourDecimals },
  { head: 'Macro F1', name: 'macro_f1', format: fourDecimals },
  { head: 'Calibration error', name: 'ece', format: fourDecimals },
  { head: 'Latency p95', name: 'latency_p95_ms', format: formatMs },
];

function StateCell(version: ModelVersionView) {
  const { role, pods, ready_pods: ready, problem, content_differs: differs, rejected } = version;
  const state = stateOf(version);
  return (
    <>
      <Badge tone={STATE_TONES[state]}>{state}</Badge>
      {state === 'rejected' && <div class="hint free">{rejected}</div>}
      {state === 'incomplete' && <div class="hint">its registration has not ended</div>}
      {role !== null && (
        <div class="hint">
          {SERVING[role]}
          {ready < pods && `, ready on ${ready} of ${pods} pods`}
        </div>
      )}
      {problem !== null && <div class="problem free">{problem}</div>}
      {differs && <div class="problem">inference serves another content as this version</div>}
    </>
  );
}

function HistoryCell({ created_at_ms: created, approved_by: by, rollout }: ModelVersionView) {
  return (
    <>
      {created === null ? '–' : <Time atMs={created} />}
      {by !== null && rollout !== null && (
        <div class="hint">
          approved by <a href={href('rollout', [rollout])}>{by}</a>
        </div>
      )}
    </>
  );
}
