import type { AuditPage as Answer, AuditRow } from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { now } from '../clock.ts';
import { AuditTable } from '../components/audit-table.tsx';
import { Loaded } from '../components/loaded.tsx';
import { Page } from '../components/page.tsx';
import { TextField } from '../components/text-field.tsx';
import { Time } from '../components/time.tsx';
import { formatRelative } from '../format.ts';
import { useResource } from '../resource.ts';
import { href, navigate, route } from '../router.ts';

const LIMIT = 100;
/** Before anybody asks for more: a screen or two. */
const SHOWN_FIRST = 25;
const FOLLOW_MS = 2000;

/** Names and values of the query, empty where nothing is asked. */
interface Filter {
  readonly who: string;
  readonly action: string;
  /** `change` leaves out calls. */
  readonly type: string;
  /** Where the entries begin; empty: with the newest. */
  readonly after: string;
}

/** Who did what, newest first. The filter is in the address, so that it can be sent to somebody. */
export function AuditPage() {
  const { query } = route.value;
  const asked = (name: keyof Filter) => query.get(name) ?? '';
  const filter: Filter = {
    who: asked('who'),
    action: asked('action'),
    type: asked('type'),
    after: asked('after'),
  };
  const follow = useSignal(true);
  const isFollowing = follow.value && filter.after === '';
  const audit = useResource<Answer>(pathOf(filter), isFollowing ? { everyMs: FOLLOW_MS } : {});
  return (
    <Page title="Audit" answer={answerOf(audit.value?.entries, filter)}>
      <FilterForm key={`${filter.who} ${filter.action}`} filter={filter} />
      <div class="row start">
        <Check
          label="Changes only"
          checked={filter.type !== ''}
          onChange={(isOn) => navigate(addressOf({ ...filter, type: isOn ? 'change' : '', after: '' }))}
        />
        {filter.after === '' ? (
          <Check
            label="Follow new entries"
            checked={follow.value}
            onChange={(isOn) => {
              follow.value = isOn;
            }}
          />
        ) : (
          <a href={addressOf({ ...filter, after: '' })}>Newest entries</a>
        )}
      </div>
      <Loaded of={audit} what="the audit log">
        {(page) => <Entries key={filter.after} page={page} filter={filter} />}
      </Loaded>
    </Page>
  );
}

function Check(props: { label: string; checked: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label>
      <input
        type="checkbox"
        checked={props.checked}
        onChange={({ currentTarget }) => props.onChange(currentTarget.checked)}
      />{' '}
      {props.label}
    </label>
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
        navigate(addressOf({ ...filter, who: who.value.trim(), action: action.value.trim(), after: '' }));
      }}
    >
      <TextField label="Who" hint="Id of a key, or name of an operator." type="search" value={who} />
      <TextField label="Action" hint="Any part of it." type="search" value={action} />
      <button type="submit">Filter</button>
    </form>
  );
}

function Entries({ page, filter }: { page: Answer; filter: Filter }) {
  const { entries, next, lacks_before_ms: lacks } = page;
  const shown = useSignal(SHOWN_FIRST);
  return (
    <>
      {lacks !== null && (
        <p>
          Incomplete: the store does not have all entries before <Time atMs={lacks} withClock /> yet.
        </p>
      )}
      <div class="card">
        <AuditTable entries={entries.slice(0, shown.value)} empty="No entry matches." />
        {entries.length > shown.value && (
          <button
            type="button"
            onClick={() => {
              shown.value = LIMIT;
            }}
          >
            Show {entries.length - shown.value} more
          </button>
        )}
      </div>
      {next !== null && entries.length <= shown.value && (
        <a href={addressOf({ ...filter, after: next })}>Older entries</a>
      )}
    </>
  );
}

function addressOf(filter: Filter): string {
  return href('audit', [], { ...filter });
}

function pathOf(filter: Filter): string {
  const query = Object.entries({ limit: String(LIMIT), ...filter }).filter(([, value]) => value !== '');
  return `/audit?${new URLSearchParams(query)}`;
}

function answerOf(entries: readonly AuditRow[] | undefined, { after }: Filter): string | undefined {
  const [newest] = entries ?? [];
  if (newest === undefined) return undefined;
  const when = formatRelative(newest.at_ms, now.value);
  const last = `${newest.who ?? 'nobody identified'}, ${newest.action}, ${newest.outcome}`;
  return after === '' ? `Last: ${last}, ${when}.` : `Older entries, from ${when} on.`;
}
