import { formatClock, formatDay } from '../format.ts';

/** A point of a narrowing interval; null before there is a value. */
export interface IntervalPoint {
  readonly atMs: number;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** More points than that are neither seen on a screen nor read in a table. */
const MAX_POINTS = 240;

/** At most `most` of the points, evenly spread, with the first and the last one. */
export function thin<T>(points: readonly T[], most = MAX_POINTS): readonly T[] {
  if (points.length <= most) return points;
  const last = points.length - 1;
  return Array.from({ length: most }, (_, index) => points[Math.round((index * last) / (most - 1))] as T);
}

const signed = new Intl.NumberFormat('en', { signDisplay: 'exceptZero', maximumSignificantDigits: 3 });

/** `+0.42`, `-3.1`, `0`; a dash for nothing. */
export function formatSigned(value: number | null): string {
  return value === null ? '–' : signed.format(value).replace('-', '−');
}

const timeOfDay = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

const MINUTES_5_MS = 300_000;
const DAY_MS = 86_400_000;

/** Label of a time axis that shows `spanMs`, in local time. */
export function formatTick(atMs: number, spanMs: number): string {
  if (spanMs < MINUTES_5_MS) return formatClock(atMs);
  return spanMs < DAY_MS ? timeOfDay.format(atMs) : formatDay(atMs);
}

export function formatAt(atMs: number): string {
  return `${formatDay(atMs)} ${formatClock(atMs)}`;
}

/** A point in words, for the line below the chart and for screen readers. */
export function describePoint({ atMs, value, low, high }: IntervalPoint, unit: string): string {
  const at = formatAt(atMs);
  if (value === null) return `${at}: no value yet`;
  const number = `${formatSigned(value)} ${unit}`.trim();
  if (low === null || high === null) return `${at}: ${number}, no interval yet`;
  return `${at}: ${number}, between ${formatSigned(low)} and ${formatSigned(high)}`;
}
