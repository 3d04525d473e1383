import type { RoutingView, ShadowReport, ShadowResult } from '@headgate/contracts/admin/api';
import type { Shadow } from '@headgate/contracts/routing';
import { useSignal } from '@preact/signals';
import { call } from '../api.ts';
import { Loaded, Loading } from '../components/loaded.tsx';
import { ModelPicker, modelName } from '../components/model.tsx';
import { Page } from '../components/page.tsx';
import { toast } from '../components/toast.tsx';
import { useResource } from '../resource.ts';
import { OneShadow } from './shadow/one.tsx';
import { StartForm } from './shadow/start-form.tsx';

const RELOAD_MS = 5000;

export function ShadowPage() {
  const model = modelName();
  const path = model === undefined ? null : `/shadow/${encodeURIComponent(model)}`;
  const report = useResource<ShadowReport>(path, { everyMs: RELOAD_MS });
  return (
    <Page
      title="Shadow"
      answer={report.value && answerOf(report.value.shadows)}
      aside={<ModelPicker page="shadow" />}
    >
      {path === null ? (
        <Loading what="the models" />
      ) : (
        <Loaded of={report} what="the comparison">
          {(value) => <Report key={path} path={path} report={value} reload={report.reload} />}
        </Loaded>
      )}
    </Page>
  );
}

function answerOf(shadows: readonly ShadowResult[]): string {
  if (shadows.length === 0) {
    return 'No version is a shadow. A shadow gets copies of real requests, and no client gets its answers.';
  }
  return shadows.map(({ sentence }) => sentence).join(' ');
}

function Report(props: { path: string; report: ShadowReport; reload: () => void }) {
  const { path, report, reload } = props;
  const isBusy = useSignal(false);
  const running = report.shadows.filter(({ sample }) => sample > 0);
  const change = async (shadows: readonly Shadow[], done: string) => {
    isBusy.value = true;
    const body = { revision: report.revision, shadows };
    const result = await call<RoutingView>('PUT', path, { body });
    isBusy.value = false;
    if (result.ok) toast(done);
    else toast(result.failure.detail, 'bad');
    reload();
  };
  const without = (version: string) =>
    running
      .filter((each) => each.version !== version)
      .map(({ version: of, sample }) => ({ version: of, sample }));
  return (
    <>
      {report.shadows.map((shadow) => (
        <OneShadow
          key={shadow.version}
          shadow={shadow}
          control={report.control_version}
          isBusy={isBusy.value}
          onStop={() => change(without(shadow.version), `Version ${shadow.version} gets no more copies.`)}
        />
      ))}
      <StartForm
        model={report.model}
        control={report.control_version}
        isBusy={isBusy.value}
        onStart={(shadow) =>
          change([...without(shadow.version), shadow], `Version ${shadow.version} gets copies now.`)
        }
      />
    </>
  );
}
