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
  const saving = useSaving(model, draft, onReload);
  const parts = draft.parts.value;
  const canSave = !isLocked && !saving.isRunning;
  return (
    <Card title="Change the weights">
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
      {draft.isEdited && <WeightsPreview key={view.revision} model={model} parts={parts} />}
      {saving.failure !== undefined && draft.isEdited && !draft.isOvertaken && (
        <ErrorNote failure={saving.failure} />
      )}
      {draft.isOvertaken ? (
        <Overtaken view={view} theirs={theirs} draft={draft} save={canSave ? saving.save : undefined} />
      ) : (
        <div class="row start">
          <button
            type="button"
            class="primary"
            disabled={!draft.isEdited || !canSave}
            onClick={() => saving.save(draft.base.revision)}
          >
            {saving.isRunning ? 'Saving …' : 'Save'}
          </button>
          <button type="button" disabled={!draft.isEdited} onClick={() => draft.restart(theirs)}>
            Undo
          </button>
          <span class="hint">
            {draft.isEdited ? 'Not saved yet. Running requests are not affected.' : 'Nothing changed.'}
          </span>
        </div>
      )}
    </Card>
  );
}

/** Saves the edit in place of the revision that is named, then loads the newest table. */
function useSaving(model: string, draft: Draft, onReload: () => void) {
  const failure = useSignal<Failure | undefined>(undefined);
  const isRunning = useSignal(false);
  const save = async (revision: string) => {
    const parts = draft.parts.value;
    isRunning.value = true;
    const body = { revision, weights: weightsOf(parts) };
    const result = await call<RoutingView>('PUT', `/routing/${encodeURIComponent(model)}/weights`, { body });
    isRunning.value = false;
    failure.value = result.ok ? undefined : result.failure;
    if (result.ok) {
      draft.saved(result.value.revision, parts);
      toast(`Saved: ${model} is split into ${inWords(parts)}.`);
    }
    onReload();
  };
  return { save, failure: failure.value, isRunning: isRunning.value };
}

function inWords(parts: readonly Part[]): string {
  return formatList(parts.map(({ name, hundredths }) => `${formatPercent(hundredths / 100)} ${name}`));
}
