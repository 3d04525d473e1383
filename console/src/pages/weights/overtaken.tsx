import type { RoutingView } from '@headgate/contracts/admin/api';
import { Table } from '../../components/table.tsx';
import { Time } from '../../components/time.tsx';
import { formatPercent } from '../../format.ts';
import type { Draft } from './draft.ts';
import type { Part } from './sum.ts';

/** Somebody else changed the weights during this edit: shows the difference and asks. */
export function Overtaken(props: { view: RoutingView; theirs: readonly Part[]; draft: Draft }) {
  const { view, theirs, draft } = props;
  const base = draft.base.parts;
  const mine = draft.parts.value;
  const shareIn = (parts: readonly Part[], name: string) => {
    const part = parts.find((each) => each.name === name);
    return part === undefined ? '–' : formatPercent(part.hundredths / 100);
  };
  const names = [...new Set([...theirs, ...mine].map(({ name }) => name))];
  const canKeep = theirs.every(({ name }, i) => name === mine[i]?.name) && theirs.length === mine.length;
  return (
    <div class="note warn" role="alert">
      <div class="stack">
        <p>
          <strong>{view.changed_by ?? 'Somebody'} changed it since</strong>
          {view.changed_at_ms !== null && (
            <>
              {' '}
              (<Time atMs={view.changed_at_ms} />)
            </>
          )}
          ; look again.
        </p>
        <Table
          caption="What changed"
          columns={[
            { head: 'Variant', cell: (name) => name },
            { head: 'You saw', numeric: true, cell: (name) => shareIn(base, name) },
            { head: 'Now', numeric: true, cell: (name) => shareIn(theirs, name) },
            { head: 'Your edit', numeric: true, cell: (name) => shareIn(mine, name) },
          ]}
          rows={names}
          keyOf={(name) => name}
        />
        <div class="row start">
          <button type="button" onClick={() => draft.restart(theirs)}>
            Take what is there now
          </button>
          {canKeep && (
            <button type="button" onClick={() => draft.restart(mine)}>
              Keep my edit
            </button>
          )}
        </div>
      </div>
    </div>
  );
}
