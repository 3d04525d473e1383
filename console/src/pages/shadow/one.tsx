import type { ShadowResult } from '@headgate/contracts/admin/api';
import { Badge } from '../../components/badge.tsx';
import { Card } from '../../components/card.tsx';
import { Empty } from '../../components/table.tsx';
import { Time } from '../../components/time.tsx';
import { formatCount, formatPercent } from '../../format.ts';
import { Comparison } from './comparison.tsx';

interface OneShadowProps {
  readonly shadow: ShadowResult;
  /** Version of the control. */
  readonly control: string;
  readonly isBusy: boolean;
  readonly onStop: () => void;
}

/** One version against the control, on the same images. */
export function OneShadow({ shadow, control, isBusy, onStop }: OneShadowProps) {
  const isRunning = shadow.sample > 0;
  return (
    <Card
      title={`Version ${shadow.version} compared with version ${control}`}
      aside={<Badge tone={isRunning ? 'info' : 'neutral'}>{isRunning ? 'Gets copies' : 'Ended'}</Badge>}
    >
      <p class="hint">
        {isRunning && (
          <>Gateways copy {formatPercent(shadow.sample)} of the requests that control answers. </>
        )}
        {shadow.since_ms !== null && (
          <>
            Since <Time atMs={shadow.since_ms} />: {formatCount(shadow.compared)} images compared,{' '}
            {formatCount(shadow.dropped)} dropped, {formatCount(shadow.failed)} failed.
          </>
        )}
      </p>
      {shadow.compared === 0 ? (
        <Empty>No image has been compared yet.</Empty>
      ) : (
        <Comparison shadow={shadow} />
      )}
      {isRunning && (
        <button type="button" disabled={isBusy} onClick={onStop}>
          Stop version {shadow.version}
        </button>
      )}
    </Card>
  );
}
