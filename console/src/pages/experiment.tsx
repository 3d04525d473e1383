import type { ExperimentReport } from '@headgate/contracts/admin/api';
import type { Tone } from '../components/badge.tsx';
import { Loaded, Loading } from '../components/loaded.tsx';
import { ModelPicker, modelName } from '../components/model.tsx';
import { Page } from '../components/page.tsx';
import { useResource } from '../resource.ts';
import { href, route } from '../router.ts';
import { About } from './experiment/about.tsx';
import { Looks } from './experiment/looks.tsx';
import { Results } from './experiment/results.tsx';
import { Split } from './experiment/split.tsx';
import { levelOf } from './experiment/words.ts';

/** The numbers change with each request, the verdict rarely. */
const RELOAD_MS = 10_000;

export function ExperimentPage() {
  const model = modelName();
  const { query } = route.value;
  const level = levelOf(query.get('level'));
  const which: Record<string, string> = {};
  for (const name of ['experiment', 'at_ms']) {
    const value = query.get(name);
    if (value) which[name] = value;
  }
  const asked = new URLSearchParams({ ...which, level: String(level / 100) });
  const path = model === undefined ? null : `/experiments/${encodeURIComponent(model)}`;
  const report = useResource<ExperimentReport>(path && `${path}?${asked}`, { everyMs: RELOAD_MS });
  const toLevel = (percent: string) => href('experiment', [model ?? ''], { ...which, level: percent });
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
              <About report={value} />
              <Results report={value} level={level} toLevel={toLevel} csvPath={`${path}/csv?${asked}`} />
              <Looks report={value} path={`${path}/looks`} which={which} />
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
