import type { PodView } from '@headgate/contracts/admin/api';
import { plural } from '../format.ts';
import { Badge } from './badge.tsx';

/** How many are ready, and which ones are not; all addresses on demand. */
export function Ready({ pods, what }: { pods: readonly PodView[]; what: string }) {
  const missing = pods.filter(({ ready }) => !ready);
  const count = pods.length - missing.length;
  const tone = pods.length === 0 || count === 0 ? 'bad' : missing.length > 0 ? 'warn' : 'good';
  return (
    <details>
      <summary>
        <Badge tone={tone}>
          {count} of {plural(pods.length, what)} ready
        </Badge>{' '}
        {missing.length > 0 && (
          <span class="muted">not on {missing.map(({ address }) => address).join(', ')}</span>
        )}
      </summary>
      <ul>
        {pods.map(({ address, ready }) => (
          <li key={address}>
            <span class="mono">{address}</span> {ready ? 'ready' : 'not ready'}
          </li>
        ))}
      </ul>
    </details>
  );
}
