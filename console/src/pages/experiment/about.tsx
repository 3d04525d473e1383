import type { ExperimentReport, ExperimentRun } from '@headgate/contracts/admin/api';
import { Fragment } from 'preact';
import { Card } from '../../components/card.tsx';
import { formatAt } from '../../components/chart-points.ts';
import { Picker } from '../../components/select.tsx';
import { Time } from '../../components/time.tsx';
import { formatList, plural } from '../../format.ts';
import { href, navigate } from '../../router.ts';

/** Which experiment a report is of, the time that it covers, and how much it counts. */
export function About({ report }: { readonly report: ExperimentReport }) {
  const { model, experiment, variants, started_at_ms, ended_at_ms } = report;
  return (
    <Card title={`Experiment ${experiment} of ${model}`} aside={<RunPicker report={report} />}>
      <dl class="facts">
        <dt>From</dt>
        <dd>
          {formatAt(started_at_ms)} (<Time atMs={started_at_ms} />)
        </dd>
        <dt>To</dt>
        <dd>
          {ended_at_ms === null ? (
            'now: it is in force'
          ) : (
            <>
              its end, {formatAt(ended_at_ms)} (<Time atMs={ended_at_ms} />)
            </>
          )}
        </dd>
        {variants.map(({ name, version, units, requests }, index) => (
          <Fragment key={name}>
            <dt>{index === 0 ? 'Control' : 'Treatment'}</dt>
            <dd>
              {name}, version {version}: {plural(units, 'unit')}, {plural(requests, 'request')}
            </dd>
          </Fragment>
        ))}
      </dl>
    </Card>
  );
}

/** Only where there is a choice. */
function RunPicker({ report: { model, runs, started_at_ms } }: { readonly report: ExperimentReport }) {
  if (runs.length < 2) return null;
  return (
    <Picker
      label="Experiment"
      of={runs.map((run) => [run.started_at_ms, nameOf(run)])}
      value={started_at_ms}
      onChange={(at_ms) => navigate(href('experiment', [model], { at_ms }))}
    />
  );
}

function nameOf({ experiment, started_at_ms, ended_at_ms, versions }: ExperimentRun): string {
  const since = `${ended_at_ms === null ? 'in force ' : ''}since ${formatAt(started_at_ms)}`;
  return `versions ${formatList(versions)}, ${since} (${experiment})`;
}
