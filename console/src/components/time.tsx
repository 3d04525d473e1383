import { now } from '../clock.ts';
import { formatAbsolute, formatRelative } from '../format.ts';

/** A relative time that keeps going; its title has the absolute one. `withClock` also shows the local time of the day. */
export function Time({ atMs, withClock = false }: { atMs: number; withClock?: boolean }) {
  const at = new Date(atMs);
  return (
    <time dateTime={at.toISOString()} title={formatAbsolute(atMs)}>
      {withClock && `${at.toLocaleTimeString()} · `}
      {formatRelative(atMs, now.value)}
    </time>
  );
}
