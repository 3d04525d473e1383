import type { RolloutView } from '@headgate/contracts/admin/api';
import { Badge } from '../../components/badge.tsx';
import { Card } from '../../components/card.tsx';
import { Table } from '../../components/table.tsx';
import { Time } from '../../components/time.tsx';
import { formatPercent } from '../../format.ts';
import { href } from '../../router.ts';
import { STATE_TONES, STATE_WORDS } from './words.ts';

export function RolloutList(props: {
  readonly rollouts: readonly RolloutView[];
  readonly chosen: string | undefined;
}) {
  return (
    <Card title="All rollouts">
      <Table
        caption="Rollouts, newest first"
        rows={props.rollouts}
        keyOf={({ id }) => id}
        empty="No rollout has been started yet."
        columns={[
          {
            head: 'Rollout',
            cell: ({ id }) => (
              <a href={href('rollout', [id])} aria-current={id === props.chosen ? 'true' : undefined}>
                {id}
              </a>
            ),
          },
          { head: 'Model', cell: ({ model }) => model },
          { head: 'Versions', cell: ({ control, candidate }) => `${control.version} → ${candidate.version}` },
          {
            head: 'State',
            cell: ({ state }) => <Badge tone={STATE_TONES[state.kind]}>{STATE_WORDS[state.kind]}</Badge>,
          },
          { head: 'Weight', numeric: true, cell: ({ weight }) => formatPercent(weight) },
          { head: 'Started', cell: ({ started_at_ms }) => <Time atMs={started_at_ms} /> },
          { head: 'By', cell: ({ started_by }) => started_by },
        ]}
      />
    </Card>
  );
}
