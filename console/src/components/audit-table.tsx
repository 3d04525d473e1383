import type { AuditRow } from '@headgate/contracts/admin/api';
import type { ComponentChildren } from 'preact';
import { href } from '../router.ts';
import { Badge, type Tone } from './badge.tsx';
import { type Column, Table } from './table.tsx';
import { Time } from './time.tsx';

const COLUMNS: readonly Column<AuditRow>[] = [
  { head: 'When', cell: ({ at_ms }) => <Time atMs={at_ms} withClock /> },
  { head: 'Who', cell: ({ who }) => who ?? <span class="muted">nobody</span> },
  { head: 'Action', cell: ({ action }) => action },
  {
    head: 'Outcome',
    cell: ({ outcome, reason }) => (
      <>
        <Badge tone={toneOf(outcome)}>{outcome}</Badge> {reason}
      </>
    ),
  },
  {
    head: 'Request',
    cell: ({ request_id: id }) =>
      id === null ? (
        '–'
      ) : (
        <a href={href('requests', [id])} class="short" title={id}>
          {id}
        </a>
      ),
  },
  { head: 'Detail', cell: ({ detail }) => <Detail of={detail} /> },
];

export function AuditTable(props: { entries: readonly AuditRow[]; empty: ComponentChildren }) {
  return (
    <Table
      caption="Audit entries"
      columns={COLUMNS}
      rows={props.entries}
      keyOf={({ writer, seq }) => `${writer}:${seq}`}
      empty={props.empty}
    />
  );
}

function Detail({ of }: { of: AuditRow['detail'] }) {
  return Object.entries(of).map(([name, value]) => (
    <span key={name} class="pair">
      <span class="muted">{name}</span>{' '}
      <span class={isDigest(value) ? 'short' : 'free'} title={String(value)}>
        {value}
      </span>
    </span>
  ));
}

/** Such as a pseudonym of an address: nobody reads all of it. */
function isDigest(value: string | number): boolean {
  return /^[0-9a-f]{32,}$/.test(String(value));
}

/** A status of HTTP, or a word. */
function toneOf(outcome: string): Tone {
  if (/^[23]\d\d$/.test(outcome) || outcome === 'counted') return 'neutral';
  if (/^4\d\d$/.test(outcome) || outcome === 'refused') return 'warn';
  return /^5\d\d$/.test(outcome) || outcome === 'failed' || outcome === 'lost' ? 'bad' : 'good';
}
