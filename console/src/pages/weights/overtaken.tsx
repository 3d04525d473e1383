import type { RoutingView } from '@headgate/contracts/admin/api';
import { Table } from '../../components/table.tsx';
import { Time } from '../../components/time.tsx';
import { formatPercent } from '../../format.ts';
import type { Draft } from './draft.ts';
import type { Part } from './sum.ts';

/** Somebody else changed the weights during this edit: shows who, when and what, and asks. */
export function Overtaken(props: {
  view: RoutingView;
  theirs: readonly Part[];
  draft: Draft;
  /** Undefined while nothing can be saved. */
  save: ((revision: string) => void) | undefined;
}) {
  const { view, theirs, draft, save } = props;
  const { revision, changed_by: changedBy, changed_at_ms: changedAtMs } = view.in_force;
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
          <strong>{changedBy ?? 'Somebody'} changed these weights after you began</strong>
          {changedAtMs !== null && (
            <>
              {' '}
              (<Time atMs={changedAtMs} />)
            </>
          )}
          . Yours are not saved.
        </p>
        <Table
          caption="What changed"
          columns={[
            { head: 'Variant', cell: (name) => name },
            { head: 'Before', numeric: true, cell: (name) => shareIn(base, name) },
            { head: 'Now', numeric: true, cell: (name) => shareIn(theirs, name) },
            { head: 'Yours', numeric: true, cell: (name) => shareIn(mine, name) },
          ]}
          rows={names}
          keyOf={(name) => name}
        />
        <div class="row start">
          <button type="button" onClick={() => draft.restart(theirs)}>
            Discard mine and load revision <span class="mono">{revision}</span>
          </button>
          {canKeep && (
            <button type="button" disabled={save === undefined} onClick={() => save?.(view.revision)}>
              Save mine over it
            </button>
          )}
        </div>
      </div>
    </div>
  );
}
