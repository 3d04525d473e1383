import type { AuditRow } from '@headgate/contracts/admin/api';
import type { ComponentChildren } from 'preact';
import { href } from '../router.ts';
import { Badge, type Tone } from './badge.tsx';
import { type Column, Table } from './table.tsx';
import { Time } from './time.tsx';

const COLUMNS: readonly Column<AuditRow>[] = [
  { head: 'When', cell: ({ at_ms }) => <Time atMs={at_ms} withClock /> },
  { head: 'Who', cell: ({ who }) => (who === null ? <span class="muted">nobody</span> : <Value of={who} />) },
  { head: 'Action', cell: ({ action }) => action },
  {
    head: 'Outcome',
    cell: ({ outcome, reason }) => (
      <>
        <Badge tone={toneOf(outcome)}>{outcome}</Badge>{' '}
        {reason !== null && <span class={classOf(reason)}>{reason}</span>}
      </>
    ),
  },
  {
    head: 'Request',
    cell: ({ request_id: id }) =>
      id !== null && (
        <a href={href('requests', [id])} class="short" title={id}>
          {id}
        </a>
      ),
  },
  { head: 'Detail', cell: ({ detail }) => <Detail of={detail} /> },
];

export function AuditTable(props: { entries: readonly AuditRow[]; empty: ComponentChildren }) {
  return (
    <div class="compact">
      <Table
        caption="Audit entries"
        columns={COLUMNS}
        rows={props.entries}
        keyOf={({ writer, seq }) => `${writer}:${seq}`}
        empty={props.empty}
      />
    </div>
  );
}

function Value({ of }: { of: string | number }) {
  return (
    <span class={classOf(String(of))} title={String(of)}>
      {of}
    </span>
  );
}

function Detail({ of }: { of: AuditRow['detail'] }) {
  return Object.entries(of).map(([name, value]) => (
    <span key={name} class="pair">
      <span class="muted">{name}</span> <Value of={value} />
    </span>
  ));
}

/** Nobody reads all of a digest, such as a pseudonym. Only long text breaks within its words. */
function classOf(value: string): string | undefined {
  if (/^[0-9a-f]{32,}$/.test(value)) return 'short';
  return value.length > 40 ? 'free' : undefined;
}

/** A status of HTTP, or a word. */
function toneOf(outcome: string): Tone {
  if (/^[23]\d\d$/.test(outcome) || outcome === 'counted') return 'neutral';
  if (/^4\d\d$/.test(outcome) || outcome === 'refused') return 'warn';
  return /^5\d\d$/.test(outcome) || outcome === 'failed' || outcome === 'lost' ? 'bad' : 'good';
}
