/**
 * Characters that a terminal obeys instead of showing them: controls, and those that turn the direction of text. Names of
 * keys, models and files come from others; on a screen they must not colour, hide, overwrite or forge anything.
 */
const OBEYED = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Every string of a result with `\uXXXX` in place of what a terminal would obey, line breaks included. */
export function printableIn<T>(value: T): T {
  return mapStrings(value, escapeObeyed) as T;
}

/** A text of ours that is put together already: its line breaks stay. */
export function printable(text: string): string {
  return text.replace(OBEYED, (character) => (character === '\n' ? character : escapeObeyed(character)));
}

function escapeObeyed(text: string): string {
  return text.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((one) => mapStrings(one, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [change(key), mapStrings(one, change)]),
  );
}
