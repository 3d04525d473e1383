import { now } from '../clock.ts';
import { formatAbsolute, formatRelative } from '../format.ts';

/** A relative time that keeps going; its title has the absolute one. */
export function Time({ atMs }: { atMs: number }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatAbsolute(atMs)}>
      {formatRelative(atMs, now.value)}
    </time>
  );
}
