/** Numbers and times as text. A narrow no-break space stands between a number and its unit. */
const SPACE = '\u202f';
const NONE = '–';

const counts = new Intl.NumberFormat('en');

export function formatCount(count: number | null): string {
  return count === null ? NONE : counts.format(count);
}

/** Of a value in percent; at most `digits` decimals. */
export function formatPercent(percent: number | null, digits = 2): string {
  return percent === null ? NONE : `${trimmed(percent, digits)}${SPACE}%`;
}

/** Of a share in [0, 1]. */
export function formatShare(share: number | null, digits = 2): string {
  return formatPercent(share === null ? null : share * 100, digits);
}

/** A duration in three significant digits: `0.84 ms`, `12.3 ms`, `2.4 s`, `3 min`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return NONE;
  const size = Math.abs(ms);
  if (size < 999.5) return `${trimmed(ms, size < 10 ? 2 : size < 100 ? 1 : 0)}${SPACE}ms`;
  if (size < 120_000) return `${trimmed(ms / 1000, size < 10_000 ? 2 : 0)}${SPACE}s`;
  return `${Math.round(ms / 60_000)}${SPACE}min`;
}

export function formatBytes(bytes: number | null): string {
  if (bytes === null) return NONE;
  if (bytes < 1024) return `${bytes}${SPACE}B`;
  if (bytes < 1024 ** 2) return `${trimmed(bytes / 1024, 1)}${SPACE}KiB`;
  return `${trimmed(bytes / 1024 ** 2, 1)}${SPACE}MiB`;
}

const STEPS = [
  [60_000, 1000, 's'],
  [3_600_000, 60_000, 'min'],
  [86_400_000, 3_600_000, 'h'],
  [Number.POSITIVE_INFINITY, 86_400_000, 'd'],
] as const;

/** `now`, `12 s ago`, `in 3 min`. */
export function formatRelative(atMs: number, nowMs: number): string {
  const distance = Math.abs(nowMs - atMs);
  if (distance < 2000) return 'now';
  const [, unitMs, unit] = STEPS.find(([below]) => distance < below) ?? STEPS[3];
  const text = `${Math.floor(distance / unitMs)}${SPACE}${unit}`;
  return atMs > nowMs ? `in ${text}` : `${text} ago`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** Local time of the day, of 24 hours whatever the browser prefers: `14:05:09`. */
export const formatClock = (atMs: number): string => clock.format(atMs);

/** `30 Nov`. */
export const formatDay = (atMs: number): string => day.format(atMs);

/** Local time, and the same in UTC. */
export function formatAbsolute(atMs: number): string {
  const utc = new Date(atMs).toISOString().replace('T', ' ').replace(/\..*/, '');
  return `${formatDay(atMs)} ${formatClock(atMs)} · ${utc} UTC`;
}

/** `at 14:05:09`; with the day where that is not the day of `nowMs`. */
export function formatWhen(atMs: number, nowMs: number): string {
  const isToday = formatDay(atMs) === formatDay(nowMs);
  return `at ${formatClock(atMs)}${isToday ? '' : ` on ${formatDay(atMs)}`}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function formatList(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** `1 request`, `2 requests`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Decimals without zeros at their end. */
function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
