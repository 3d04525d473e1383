import type { AuditRow } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { now } from '../clock.ts';
import { AuditTable } from '../components/audit-table.tsx';
import { Loaded } from '../components/loaded.tsx';
import { Page } from '../components/page.tsx';
import { TextField } from '../components/text-field.tsx';
import { formatRelative } from '../format.ts';
import { useResource } from '../resource.ts';
import { href, navigate, route } from '../router.ts';

const LIMIT = 100;
const FOLLOW_MS = 2000;

interface Filter {
  readonly who: string;
  readonly action: string;
  /** Only entries before that time, in ms; empty: the newest. */
  readonly before: string;
}

/** Who did what, newest first. The filter is in the address, so that it can be sent to somebody. */
export function AuditPage() {
  const { query } = route.value;
  const filter: Filter = {
    who: query.get('who') ?? '',
    action: query.get('action') ?? '',
    before: query.get('before') ?? '',
  };
  const follow = useSignal(true);
  const isFollowing = follow.value && filter.before === '';
  const audit = useResource<{ entries: readonly AuditRow[] }>(
    pathOf(filter),
    isFollowing ? { everyMs: FOLLOW_MS } : {},
  );
  return (
    <Page title="Audit" answer={answerOf(audit.value?.entries, filter)}>
      <FilterForm key={`${filter.who} ${filter.action}`} filter={filter} />
      <div class="row">
        <label>
          <input
            type="checkbox"
            checked={isFollowing}
            disabled={filter.before !== ''}
            onChange={({ currentTarget }) => {
              follow.value = currentTarget.checked;
            }}
          />{' '}
          Follow: new entries appear by themselves
        </label>
        {filter.before !== '' && <a href={addressOf({ ...filter, before: '' })}>Newest entries</a>}
      </div>
      <Loaded of={audit} what="the audit log">
        {({ entries }) => (
          <>
            <div class="card">
              <AuditTable entries={entries} empty="No entry matches." />
            </div>
            <Older entries={entries} filter={filter} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function FilterForm({ filter }: { filter: Filter }) {
  const who = useSignal(filter.who);
  const action = useSignal(filter.action);
  return (
    <form
      class="row start"
      onSubmit={(event) => {
        event.preventDefault();
        navigate(addressOf({ who: who.value.trim(), action: action.value.trim(), before: '' }));
      }}
    >
      <TextField label="Who" hint="A name as below, or the id of a key." type="search" value={who} />
      <TextField label="Action" hint="Any part of it." type="search" value={action} />
      <button type="submit">Filter</button>
    </form>
  );
}

function Older({ entries, filter }: { entries: readonly AuditRow[]; filter: Filter }) {
  const oldest = entries.at(-1);
  if (oldest === undefined || entries.length < LIMIT) return null;
  // Others of the same millisecond may be missing here: they come again rather than not at all.
  return <a href={addressOf({ ...filter, before: String(oldest.at_ms + 1) })}>Older entries</a>;
}

function addressOf(filter: Filter): string {
  return href('audit', [], { ...filter });
}

function pathOf({ who, action, before }: Filter): string {
  const query = { limit: String(LIMIT), who, action, before_ms: before };
  return `/audit?${new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''))}`;
}

function answerOf(entries: readonly AuditRow[] | undefined, { before }: Filter): string | undefined {
  const [newest] = entries ?? [];
  if (newest === undefined) return undefined;
  const when = formatRelative(newest.at_ms, now.value);
  const last = `${newest.who ?? 'nobody identified'}, ${newest.action}, ${newest.outcome}`;
  return before === '' ? `Last: ${last}, ${when}.` : `Older entries, from ${when} on.`;
}
