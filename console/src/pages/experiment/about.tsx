import type { ExperimentReport, ExperimentRun } from '@headgate/contracts/admin/api';
import { Card } from '../../components/card.tsx';
import { Time } from '../../components/time.tsx';
import { formatList, plural } from '../../format.ts';
import { href, navigate } from '../../router.ts';

/** Which experiment a report is of, and the time that it covers. */
export function About({ report }: { readonly report: ExperimentReport }) {
  const { model, experiment, variants, started_at_ms, ended_at_ms } = report;
  const sum = (of: 'units' | 'requests') => variants.reduce((all, variant) => all + variant[of], 0);
  return (
    <Card title={`${model}: ${experiment}`} aside={<RunPicker report={report} />}>
      <dl class="facts">
        <dt>Versions</dt>
        <dd>
          {formatList(
            variants.map(
              ({ name, version }, index) => `${version} (${name}${index === 0 ? ', control' : ''})`,
            ),
          )}
        </dd>
        <dt>Time</dt>
        <dd>
          Started <Time atMs={started_at_ms} />,{' '}
          {ended_at_ms === null ? (
            'in force'
          ) : (
            <>
              ended <Time atMs={ended_at_ms} />
            </>
          )}
        </dd>
        <dt>So far</dt>
        <dd>
          {plural(sum('units'), 'unit')}, {plural(sum('requests'), 'request')}
        </dd>
      </dl>
    </Card>
  );
}

/** Only where there is a choice. */
function RunPicker({ report: { model, runs, started_at_ms } }: { readonly report: ExperimentReport }) {
  if (runs.length < 2) return null;
  return (
    <label class="picker">
      Experiment{' '}
      <select
        value={started_at_ms}
        onChange={({ currentTarget }) =>
          navigate(href('experiment', [model], { at_ms: currentTarget.value }))
        }
      >
        {runs.map((run) => (
          <option key={run.started_at_ms} value={run.started_at_ms}>
            {nameOf(run)}
          </option>
        ))}
      </select>
    </label>
  );
}

function nameOf({ experiment, started_at_ms, ended_at_ms, versions }: ExperimentRun): string {
  const since = new Date(started_at_ms).toLocaleString();
  return `${formatList(versions)}, ${ended_at_ms === null ? 'in force ' : ''}since ${since} (${experiment})`;
}
