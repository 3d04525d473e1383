import type {
  ModelsView,
  ModelVersionView,
  ModelView,
  PoliciesView,
  RolledBack,
  RolloutView,
} from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { Field } from '../../components/field.tsx';
import { liveModel } from '../../components/model.tsx';
import { Select } from '../../components/select.tsx';
import { formatMs } from '../../format.ts';
import { useResource } from '../../resource.ts';
import { href, navigate } from '../../router.ts';
import { Ask } from './ask.tsx';
import { isCandidate, isRejectable, rollbackTargets } from './words.ts';

const pathOf = (model: string, action: string) => `/models/${encodeURIComponent(model)}/${action}`;

interface VersionProps {
  readonly model: string;
  readonly version: ModelVersionView;
  readonly onChange: () => void;
}

/** What a person may do with a version that waits. */
export function VersionActions(props: VersionProps) {
  if (!isRejectable(props.version)) return null;
  const isInRollout = liveModel(props.model)?.rollout != null;
  return (
    <div class="row start">
      {isCandidate(props.version) && !isInRollout && <Approve {...props} />}
      <Reject {...props} />
    </div>
  );
}

function Approve({ model, version: { version } }: VersionProps) {
  const policies = useResource<PoliciesView>('/policies');
  const policy = useSignal('default');
  return (
    <Ask<RolloutView>
      label="Approve"
      kind="primary"
      title={`Approve version ${version}?`}
      path={pathOf(model, 'approve')}
      body={{ version, policy: policy.value }}
      done={() => `Started the rollout of version ${version} of ${model}.`}
      onDone={({ id }) => navigate(href('rollout', [id]))}
    >
      <p>A rollout gives it units step by step, and takes all of them back as soon as a guardrail fails.</p>
      <Field label="Policy">
        {(attributes) => (
          <Select
            attributes={attributes}
            of={Object.keys(policies.value?.policies ?? { default: null })}
            value={policy.value}
            onChange={(name) => {
              policy.value = name;
            }}
          />
        )}
      </Field>
    </Ask>
  );
}

function Reject({ model, version: { version }, onChange }: VersionProps) {
  return (
    <Ask<ModelsView>
      label="Reject"
      title={`Reject version ${version}?`}
      path={pathOf(model, 'reject')}
      body={{ version }}
      isWhyRequired
      done={() => `Version ${version} of ${model} is rejected.`}
      onDone={onChange}
    >
      <p>
        It loses the aliases candidate and staging, and is unloaded. The registry keeps it, with the reason.
      </p>
    </Ask>
  );
}

/** Of the model: also where no rollout is in progress, and while the registry is away. */
export function RollBack(props: {
  readonly of: ModelView;
  /** Id of the rollout in progress. */
  readonly rollout: string | null;
  readonly onChange: () => void;
}) {
  const { model } = props.of;
  const targets = rollbackTargets(props.of, props.rollout !== null);
  const chosen = useSignal<string | undefined>(undefined);
  const to = chosen.value ?? targets[0]?.[0];
  if (to === undefined) return <span class="hint">No other version to roll back to</span>;
  return (
    <Ask<RolledBack>
      label="Roll back"
      kind="danger"
      title={`Roll ${model} back?`}
      path={pathOf(model, 'rollback')}
      body={to === '' ? {} : { to }}
      done={({ from, to: now, took_ms }) =>
        `Version ${now} gets all units of ${model}, in place of version ${from}, after ${formatMs(took_ms)}.`
      }
      onDone={props.onChange}
    >
      <p>
        {props.rollout !== null && 'This ends the rollout in progress. '}
        One version gets all units at once; a version that is not loaded is loaded first.
      </p>
      <Field label="Version that gets all units">
        {(attributes) => (
          <Select
            attributes={attributes}
            of={targets}
            value={to}
            onChange={(version) => {
              chosen.value = version;
            }}
          />
        )}
      </Field>
    </Ask>
  );
}
