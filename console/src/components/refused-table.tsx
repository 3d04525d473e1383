import type { RoutingSourceView } from '@headgate/contracts/admin/api';
import type { ComponentChildren } from 'preact';
import { Time } from './time.tsx';

/** Says that the newest routing table is refused, and why; nothing while it is in force. */
export function RefusedTable(props: { newest: RoutingSourceView; children: ComponentChildren }) {
  const { source, changed_at_ms: changedAtMs, changed_by: changedBy, refused } = props.newest;
  if (refused.length === 0) return null;
  return (
    <div class="note bad" role="alert">
      <div class="stack">
        <p>
          <strong>The newest routing table is refused; the one before it stays in force.</strong>{' '}
          {changedBy ?? 'Somebody'} wrote it to {source === 'file' ? 'the file' : 'the ConfigMap'}
          {changedAtMs !== null && (
            <>
              {' '}
              <Time atMs={changedAtMs} />
            </>
          )}
          . {props.children}
        </p>
        <ul class="free">
          {refused.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      </div>
    </div>
  );
}
