import type { RequestItem, RequestView } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { now } from '../clock.ts';
import { AuditTable } from '../components/audit-table.tsx';
import { Badge } from '../components/badge.tsx';
import { Card } from '../components/card.tsx';
import { Loaded } from '../components/loaded.tsx';
import { Page } from '../components/page.tsx';
import { type Column, Table } from '../components/table.tsx';
import { TextField } from '../components/text-field.tsx';
import { Time } from '../components/time.tsx';
import { formatBytes, formatMs, formatRelative, formatShare, plural } from '../format.ts';
import { useResource } from '../resource.ts';
import { href, navigate, route } from '../router.ts';

/** Everything that is known about one request. */
export function RequestPage() {
  const id = route.value.params[0];
  const request = useResource<RequestView>(id === undefined ? null : `/requests/${encodeURIComponent(id)}`);
  return (
    <Page title="One request" answer={request.value === undefined ? undefined : answerOf(request.value)}>
      <Search key={id} id={id ?? ''} />
      {id !== undefined && (
        <Loaded of={request} what="the request">
          {(view) => <Request view={view} />}
        </Loaded>
      )}
    </Page>
  );
}

function Search({ id }: { id: string }) {
  const typed = useSignal(id);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (id === '') input.current?.focus();
  }, [id]);
  return (
    <form
      class="row start"
      onSubmit={(event) => {
        event.preventDefault();
        navigate(href('requests', [typed.value.trim()]));
      }}
    >
      <TextField
        label="Id"
        hint="The id of an answer, or the value of the header X-Request-Id."
        class="mono"
        required
        inputRef={input}
        value={typed}
      />
      <button type="submit" class="primary">
        Find
      </button>
    </form>
  );
}

function Request({ view }: { view: RequestView }) {
  const [first] = view.items;
  return (
    <>
      <Card title="Request">
        <dl class="facts">
          <dt>Prediction id</dt>
          <dd class="mono">{view.id}</dd>
          <dt>Time</dt>
          <dd>
            <Time atMs={view.at_ms} />
          </dd>
          <dt>Model</dt>
          <dd>{view.model}</dd>
          {first !== undefined && (
            <>
              <dt>Experiment</dt>
              <dd>{first.experiment ?? 'none: the caller named the version'}</dd>
              <dt>Key (hashed)</dt>
              <dd class="mono">{first.tenant}</dd>
              <dt>Unit (hashed)</dt>
              <dd class="mono">{first.unit}</dd>
            </>
          )}
        </dl>
      </Card>
      <Card title={plural(view.items.length, 'image')}>
        <Table caption="Images" columns={ITEM_COLUMNS} rows={view.items} keyOf={({ index }) => index} />
      </Card>
      <Card title="Audit trail">
        <AuditTable entries={view.audit} empty="The audit log has no entry about it, or does not answer." />
      </Card>
    </>
  );
}

const ITEM_COLUMNS: readonly Column<RequestItem>[] = [
  { head: 'Image', cell: ({ index }) => index },
  {
    head: 'Outcome',
    cell: ({ outcome }) => <Badge tone={outcome === 'ok' ? 'good' : 'bad'}>{outcome}</Badge>,
  },
  {
    head: 'Label',
    cell: ({ label, score }) =>
      label === null ? (
        '–'
      ) : (
        <span class="free">{`${label}${score === null ? '' : `, ${formatShare(score, 1)}`}`}</span>
      ),
  },
  { head: 'Served by', cell: (item) => <ServedBy item={item} /> },
  { head: 'Latency', numeric: true, cell: ({ latency_ms }) => formatMs(latency_ms) },
  { head: 'Bytes', cell: (item) => <Image item={item} /> },
  { head: 'Feedback', cell: ({ feedback }) => <Feedback feedback={feedback} /> },
];

function ServedBy({ item: { version, variant, assigned_variant: assigned } }: { item: RequestItem }) {
  return (
    <>
      version {version}
      {variant !== null && ` (${variant})`}
      {assigned !== null && assigned !== variant && (
        <>
          {' '}
          <Badge tone="warn">assigned {assigned}</Badge>
        </>
      )}
    </>
  );
}

function Image({ item: { image_bytes: bytes, image_sha256: digest } }: { item: RequestItem }) {
  if (digest === null) return formatBytes(bytes);
  return (
    <>
      {formatBytes(bytes)}{' '}
      <span class="short muted" title={`SHA-256 ${digest}`}>
        {digest}
      </span>
    </>
  );
}

function Feedback({ feedback }: Pick<RequestItem, 'feedback'>) {
  if (feedback === null) return <span class="muted">none</span>;
  const { at_ms: atMs, label, class_id: classId, reward } = feedback;
  const said = [
    label,
    classId === null ? null : `class ${classId}`,
    reward === null ? null : `reward ${reward}`,
  ].filter((part) => part !== null);
  return (
    <>
      <span class="free">{said.join(', ')}</span> <Time atMs={atMs} />
    </>
  );
}

function answerOf({ items, at_ms: atMs }: RequestView): string {
  const when = formatRelative(atMs, now.value);
  const [first] = items;
  if (first === undefined) return `Received ${when}; no image of it is on record.`;
  const failed = items.filter(({ outcome }) => outcome !== 'ok');
  const by = `version ${first.version}${first.variant === null ? '' : ` (${first.variant})`}`;
  if (failed.length === items.length) return `Failed ${when} in ${by}: ${first.outcome}.`;
  const label = items.length === 1 && first.label !== null ? `: ${first.label}` : '';
  const except = failed.length === 0 ? '' : `; ${failed.length} of ${plural(items.length, 'image')} failed`;
  return `Answered ${when} by ${by} in ${formatMs(first.latency_ms)}${label}${except}.`;
}
