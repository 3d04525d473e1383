import type { RoutingSourceView, RoutingVersionView } from '@headgate/contracts/admin/api';
import { CliError } from './errors.ts';
import { instant, parseDuration } from './keys/secret.ts';

/** Numbers and times as people read them; `-` where there is none. */
export const NONE = '-';

export const percent = (value: number | null): string => (value === null ? NONE : `${round(value, 2)} %`);

export const milliseconds = (value: number | null): string =>
  value === null ? NONE : `${round(value, value < 10 ? 1 : 0)} ms`;

export const yesNo = (value: boolean): string => (value ? 'yes' : 'NO');

/** UTC, whole seconds. */
export const time = (epochMs: number | null): string => (epochMs === null ? NONE : instant(epochMs));

/** When a version of the routing table was written, and by whom. */
export const changeInWords = ({ changed_at_ms: atMs, changed_by: by }: RoutingVersionView): string =>
  `changed at ${time(atMs)}${by === null ? '' : ` by ${by}`}`;

/** What is wrong with the newest routing table; empty while it is in force. */
export function refusalInWords(
  newest: RoutingSourceView,
  whatToDo = 'Correct it, or replace it: headgate route set',
): string {
  if (newest.refused.length === 0) return '';
  return [
    `THE NEWEST ROUTING TABLE IS REFUSED (${changeInWords(newest)}). The one before it stays in force.`,
    indented(newest.refused.join('\n')),
    whatToDo,
  ].join('\n');
}

export const round = (value: number, decimals: number): number =>
  Math.round(value * 10 ** decimals) / 10 ** decimals;

/** Blank lines between those that have text. */
export const paragraphs = (...texts: readonly string[]): string =>
  texts.filter((text) => text !== '').join('\n\n');

export const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ');

/** A time as ISO 8601, or as a duration before now, such as 7d. @returns ms since the Unix epoch @throws CliError usage */
export function timeBefore(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+[smhd]$/.test(text)) return nowMs - parseDuration(text);
  const epochMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(epochMs)) return epochMs;
  throw new CliError('usage', `${text} is no time`, {
    remedy: 'write 2030-01-31, 2030-01-31T12:00:00Z, or a duration before now such as 7d',
  });
}
