import type { ExperimentReport } from '@headgate/contracts/admin/api';
import type { Tone } from '../components/badge.tsx';
import { Loaded, Loading } from '../components/loaded.tsx';
import { ModelPicker, modelName } from '../components/model.tsx';
import { Page } from '../components/page.tsx';
import { useResource } from '../resource.ts';
import { href, route } from '../router.ts';
import { Looks } from './experiment/looks.tsx';
import { Results } from './experiment/results.tsx';
import { Split } from './experiment/split.tsx';
import { levelOf } from './experiment/words.ts';

/** The numbers change with each request, the verdict rarely. */
const RELOAD_MS = 10_000;

export function ExperimentPage() {
  const model = modelName();
  const level = levelOf(route.value.query.get('level'));
  const experiment = route.value.query.get('experiment') ?? '';
  const query = new URLSearchParams({ level: String(level / 100), ...(experiment && { experiment }) });
  const path = model === undefined ? null : `/experiments/${encodeURIComponent(model)}`;
  const report = useResource<ExperimentReport>(path && `${path}?${query}`, { everyMs: RELOAD_MS });
  const toLevel = (percent: string) => href('experiment', [model ?? ''], { experiment, level: percent });
  return (
    <Page
      title="Which version is better"
      answer={report.value?.sentence}
      tone={report.value === undefined ? 'neutral' : toneOf(report.value)}
      aside={<ModelPicker page="experiment" />}
    >
      {path === null ? (
        <Loading what="the models" />
      ) : (
        <Loaded of={report} what="the experiment">
          {(value) => (
            <>
              <Results report={value} level={level} toLevel={toLevel} csvPath={`${path}/csv?${query}`} />
              <Looks report={value} path={`${path}/looks`} />
              <Split report={value} />
            </>
          )}
        </Loaded>
      )}
    </Page>
  );
}

function toneOf({ srm, metrics }: ExperimentReport): Tone {
  const verdicts = metrics.flatMap(({ comparisons }) => comparisons.map(({ verdict }) => verdict));
  if (srm.verdict === 'mismatch' || verdicts.includes('worse')) return 'bad';
  return verdicts.includes('better') ? 'good' : 'info';
}
