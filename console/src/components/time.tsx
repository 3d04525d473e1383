import { now } from '../clock.ts';
import { formatAbsolute, formatClock, formatRelative } from '../format.ts';

/** A relative time that keeps going; its title has the absolute one. `withClock` also shows the local time of the day. */
export function Time({ atMs, withClock = false }: { atMs: number; withClock?: boolean }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatAbsolute(atMs)}>
      {withClock && `${formatClock(atMs)} · `}
      {formatRelative(atMs, now.value)}
    </time>
  );
}
