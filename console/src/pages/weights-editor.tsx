import type { RoutingView } from '@headgate/contracts/admin/api';
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { call, type Failure } from '../api.ts';
import { ShareBar, VariantName } from '../components/bars.tsx';
import { Card } from '../components/card.tsx';
import { ErrorNote } from '../components/loaded.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { toast } from '../components/toast.tsx';
import { formatList, formatPercent } from '../format.ts';
import { WeightsPreview } from './weights-preview.tsx';
import { areSame, type Part, parsePercent, partsOf, weightsOf, withPart } from './weights-sum.ts';

interface Variant {
  readonly name: string;
  readonly version: string;
  readonly weight: number;
}

export interface WeightsEditorProps {
  readonly model: string;
  /** The newest table. */
  readonly view: RoutingView;
  readonly variants: readonly Variant[];
  /** A rollout owns the weights. */
  readonly isLocked: boolean;
  readonly onReload: () => void;
}

/** The table that the edit began with. */
interface Base {
  readonly revision: string;
  readonly parts: readonly Part[];
}

export function WeightsEditor({ model, view, variants, isLocked, onReload }: WeightsEditorProps) {
  const theirs = partsOf(variants);
  const base = useSignal<Base>({ revision: view.revision, parts: theirs });
  const draft = useSignal<readonly Part[]>(theirs);
  const failure = useSignal<Failure | undefined>(undefined);
  const isSaving = useSignal(false);
  const take = (parts: readonly Part[]) => {
    base.value = { revision: view.revision, parts: theirs };
    draft.value = parts;
    failure.value = undefined;
  };
  const isEdited = !areSame(draft.value, base.value.parts);
  const isOvertaken = !areSame(theirs, base.value.parts);

  useEffect(() => {
    // Without an edit the newest table is shown; the same weights in a new table do not matter to an edit.
    if (!isEdited) take(theirs);
    else if (!isOvertaken) base.value = { ...base.value, revision: view.revision };
  }, [view.revision]);

  const save = async () => {
    isSaving.value = true;
    const body = { revision: base.value.revision, weights: weightsOf(draft.value) };
    const result = await call<RoutingView>('PUT', `/routing/${encodeURIComponent(model)}/weights`, { body });
    isSaving.value = false;
    failure.value = result.ok ? undefined : result.failure;
    if (result.ok) {
      base.value = { revision: result.value.revision, parts: draft.value };
      toast(`Saved: ${model} is split into ${inWords(draft.value)}.`);
    }
    onReload();
  };

  return (
    <Card title="Change the weights">
      {isEdited && isOvertaken && (
        <Overtaken view={view} base={base.value.parts} theirs={theirs} draft={draft.value} onTake={take} />
      )}
      <ShareBar
        label={`Your weights: ${inWords(draft.value)}`}
        shares={draft.value.map(({ name, hundredths }) => ({ name, percent: hundredths / 100 }))}
      />
      <div class="sliders">
        {draft.value.map((part, index) => (
          <Slider
            key={part.name}
            draft={draft}
            index={index}
            version={variants[index]?.version}
            isLocked={isLocked}
          />
        ))}
      </div>
      {isEdited && <WeightsPreview model={model} parts={draft.value} />}
      {failure.value !== undefined && !isOvertaken && <ErrorNote failure={failure.value} />}
      <div class="row start">
        <button
          type="button"
          class="primary"
          disabled={!isEdited || isOvertaken || isLocked || isSaving.value}
          onClick={save}
        >
          {isSaving.value ? 'Saving …' : 'Save'}
        </button>
        <button type="button" disabled={!isEdited} onClick={() => take(theirs)}>
          Undo
        </button>
        <span class="hint">
          {isEdited ? 'Not saved yet. Running requests are not affected.' : 'Nothing changed.'}
        </span>
      </div>
    </Card>
  );
}

function Slider(props: {
  draft: Signal<readonly Part[]>;
  index: number;
  version: string | undefined;
  isLocked: boolean;
}) {
  const { draft, index, version, isLocked } = props;
  const { name, hundredths } = draft.value[index] as Part;
  /** What is typed, while it is no percentage yet. */
  const typed = useSignal<string | undefined>(undefined);
  const set = (to: number | undefined, text?: string) => {
    typed.value = text;
    if (to !== undefined) draft.value = withPart(draft.value, index, to);
  };
  const isWrong = typed.value !== undefined && parsePercent(typed.value) === undefined;
  return (
    <div class="slider">
      <VariantName index={index}>
        {name} <span class="muted">version {version}</span>
      </VariantName>
      <input
        type="range"
        aria-label={`Share of ${name}`}
        aria-valuetext={formatPercent(hundredths / 100)}
        min={0}
        max={100}
        step={1}
        value={hundredths / 100}
        disabled={isLocked}
        onInput={({ currentTarget }) => set(Number(currentTarget.value) * 100)}
      />
      <span>
        <input
          inputMode="decimal"
          aria-label={`Share of ${name} in percent, at most two decimals`}
          aria-invalid={isWrong}
          value={typed.value ?? hundredths / 100}
          disabled={isLocked}
          onInput={({ currentTarget: { value } }) => set(parsePercent(value), value)}
          onBlur={() => set(undefined)}
        />{' '}
        %
      </span>
    </div>
  );
}

/** Somebody else changed the weights during this edit: shows the difference and asks. */
function Overtaken(props: {
  view: RoutingView;
  base: readonly Part[];
  theirs: readonly Part[];
  draft: readonly Part[];
  onTake: (parts: readonly Part[]) => void;
}) {
  const { view, base, theirs, draft, onTake } = props;
  const shareIn = (parts: readonly Part[], name: string) => {
    const part = parts.find((each) => each.name === name);
    return part === undefined ? '–' : formatPercent(part.hundredths / 100);
  };
  const names = [...new Set([...theirs, ...draft].map(({ name }) => name))];
  const canKeep = theirs.every(({ name }, i) => name === draft[i]?.name) && theirs.length === draft.length;
  return (
    <div class="note warn" role="alert">
      <div class="stack">
        <p>
          <strong>{view.changed_by ?? 'Somebody'} changed it since</strong>
          {view.changed_at_ms !== null && (
            <>
              {' '}
              (<Time atMs={view.changed_at_ms} />)
            </>
          )}
          ; look again.
        </p>
        <Table
          caption="What changed"
          columns={[
            { head: 'Variant', cell: (name) => name },
            { head: 'You saw', numeric: true, cell: (name) => shareIn(base, name) },
            { head: 'Now', numeric: true, cell: (name) => shareIn(theirs, name) },
            { head: 'Your edit', numeric: true, cell: (name) => shareIn(draft, name) },
          ]}
          rows={names}
          keyOf={(name) => name}
        />
        <div class="row start">
          <button type="button" onClick={() => onTake(theirs)}>
            Take what is there now
          </button>
          {canKeep && (
            <button type="button" onClick={() => onTake(draft)}>
              Keep my edit
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

function inWords(parts: readonly Part[]): string {
  return formatList(parts.map(({ name, hundredths }) => `${formatPercent(hundredths / 100)} ${name}`));
}
