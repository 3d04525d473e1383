import type { PoliciesView, RolloutStart, RolloutView } from '@headgate/contracts/admin/api';
import type { RolloutPolicy } from '@headgate/contracts/rollout';
import { useSignal } from '@preact/signals';
import { call, type Failure } from '../../api.ts';
import { Card } from '../../components/card.tsx';
import { Field } from '../../components/field.tsx';
import { ErrorNote, Loaded } from '../../components/loaded.tsx';
import { Select } from '../../components/select.tsx';
import { toast } from '../../components/toast.tsx';
import { VersionInput } from '../../components/version-input.tsx';
import { live } from '../../live.ts';
import { useResource } from '../../resource.ts';
import { href, navigate } from '../../router.ts';
import { Steps } from './steps.tsx';
import { guardrailWords, metricWords } from './words.ts';

/** Starts a rollout by one of the policies of the configuration. */
export function StartForm({ onStart }: { readonly onStart: () => void }) {
  const policies = useResource<PoliciesView>('/policies');
  return (
    <Card title="Start a rollout">
      <Loaded of={policies} what="the policies">
        {(value) => <Form policies={value.policies} onStart={onStart} />}
      </Loaded>
    </Card>
  );
}

function Form({ policies, onStart }: PoliciesView & { readonly onStart: () => void }) {
  const model = useSignal<string | undefined>(undefined);
  const version = useSignal('');
  const policy = useSignal('default');
  const failure = useSignal<Failure | undefined>(undefined);
  const isBusy = useSignal(false);
  const chosenModel = model.value ?? live.value?.default_model ?? '';
  const running = live.value?.models.find((of) => of.model === chosenModel)?.rollout ?? null;
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    const body: RolloutStart = { model: chosenModel, version: version.value.trim(), policy: policy.value };
    const result = await call<RolloutView>('POST', '/rollouts', { body });
    isBusy.value = false;
    failure.value = result.ok ? undefined : result.failure;
    if (!result.ok) return;
    toast(`Started the rollout of version ${body.version} of ${body.model}.`);
    version.value = '';
    onStart();
    navigate(href('rollout', [result.value.id]));
  };
  return (
    <form class="form" onSubmit={submit}>
      {failure.value !== undefined && <ErrorNote failure={failure.value} />}
      <div class="row start fields">
        <Field label="Model">
          {(attributes) => (
            <Select
              attributes={attributes}
              of={live.value?.models.map(({ model: name }) => name) ?? []}
              value={chosenModel}
              onChange={(name) => {
                model.value = name;
              }}
            />
          )}
        </Field>
        {running === null && (
          <>
            <Field label="New version">
              {(attributes) => <VersionInput attributes={attributes} model={chosenModel} value={version} />}
            </Field>
            <Field label="Policy">
              {(attributes) => (
                <Select
                  attributes={attributes}
                  of={Object.keys(policies)}
                  value={policy.value}
                  onChange={(name) => {
                    policy.value = name;
                  }}
                />
              )}
            </Field>
          </>
        )}
      </div>
      {running === null ? (
        <>
          {policies[policy.value] !== undefined && (
            <Preview policy={policies[policy.value] as RolloutPolicy} />
          )}
          <button type="submit" class="primary" disabled={isBusy.value}>
            {isBusy.value ? 'Starting …' : 'Start'}
          </button>
        </>
      ) : (
        <p class="note warn">
          {chosenModel} is in the rollout <a href={href('rollout', [running])}>{running}</a>: start the next
          one after its end.
        </p>
      )}
    </form>
  );
}

function Preview({ policy }: { readonly policy: RolloutPolicy }) {
  return (
    <>
      <Steps policy={policy} />
      <p>The version loses all its units as soon as one of these limits is broken:</p>
      <ul>
        {policy.guardrails.map((guardrail) => (
          <li key={guardrail.metric}>
            {metricWords(guardrail.metric)}: {guardrailWords(guardrail)}
          </li>
        ))}
      </ul>
    </>
  );
}
