import type { RoutingView } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { call, type Failure } from '../../api.ts';
import { ShareBar } from '../../components/bars.tsx';
import { Card } from '../../components/card.tsx';
import { ErrorNote } from '../../components/loaded.tsx';
import { toast } from '../../components/toast.tsx';
import { formatList, formatPercent } from '../../format.ts';
import { type Draft, useDraft } from './draft.ts';
import { Overtaken } from './overtaken.tsx';
import { WeightsPreview } from './preview.tsx';
import { Slider } from './slider.tsx';
import { type Part, partsOf, weightsOf } from './sum.ts';

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

export function WeightsEditor({ model, view, variants, isLocked, onReload }: WeightsEditorProps) {
  const theirs = partsOf(variants);
  const draft = useDraft(view, theirs);
  const parts = draft.parts.value;
  return (
    <Card title="Change the weights">
      {draft.isOvertaken && <Overtaken view={view} theirs={theirs} draft={draft} />}
      <ShareBar
        label={`Your weights: ${inWords(parts)}`}
        shares={parts.map(({ name, hundredths }) => ({ name, percent: hundredths / 100 }))}
      />
      <div class="sliders">
        {parts.map(({ name }, index) => (
          <Slider
            key={name}
            parts={draft.parts}
            index={index}
            version={variants[index]?.version}
            isLocked={isLocked}
          />
        ))}
      </div>
      {draft.isEdited && <WeightsPreview model={model} parts={parts} />}
      <Save model={model} draft={draft} theirs={theirs} isLocked={isLocked} onReload={onReload} />
    </Card>
  );
}

function Save(props: {
  model: string;
  draft: Draft;
  theirs: readonly Part[];
  isLocked: boolean;
  onReload: () => void;
}) {
  const { model, draft, theirs, isLocked, onReload } = props;
  const { parts, base, isEdited, isOvertaken } = draft;
  const failure = useSignal<Failure | undefined>(undefined);
  const isSaving = useSignal(false);
  const save = async () => {
    isSaving.value = true;
    const body = { revision: base.revision, weights: weightsOf(parts.value) };
    const result = await call<RoutingView>('PUT', `/routing/${encodeURIComponent(model)}/weights`, { body });
    isSaving.value = false;
    failure.value = result.ok ? undefined : result.failure;
    if (result.ok) {
      draft.saved(result.value.revision);
      toast(`Saved: ${model} is split into ${inWords(parts.value)}.`);
    }
    onReload();
  };
  return (
    <>
      {failure.value !== undefined && isEdited && !isOvertaken && <ErrorNote failure={failure.value} />}
      <div class="row start">
        <button
          type="button"
          class="primary"
          disabled={!isEdited || isOvertaken || isLocked || isSaving.value}
          onClick={save}
        >
          {isSaving.value ? 'Saving …' : 'Save'}
        </button>
        <button type="button" disabled={!isEdited} onClick={() => draft.restart(theirs)}>
          Undo
        </button>
        <span class="hint">
          {isEdited ? 'Not saved yet. Running requests are not affected.' : 'Nothing changed.'}
        </span>
      </div>
    </>
  );
}

function inWords(parts: readonly Part[]): string {
  return formatList(parts.map(({ name, hundredths }) => `${formatPercent(hundredths / 100)} ${name}`));
}
