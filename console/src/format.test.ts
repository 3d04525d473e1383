import { describe, expect, it } from 'vitest';
import {
  formatAbsolute,
  formatBytes,
  formatList,
  formatMs,
  formatPercent,
  formatRelative,
  formatShare,
  formatWhen,
  plural,
} from './format.ts';

/** Narrow no-break spaces read as plain ones here. */
const plain = (text: string) => text.replaceAll('\u202f', ' ');

describe('numbers', () => {
  it.each([
    [null, '–'],
    [0, '0 ms'],
    [0.8449, '0.84 ms'],
    [12.34, '12.3 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [2449, '2.45 s'],
    [60_000, '60 s'],
    [200_000, '3 min'],
  ])('writes %j ms as %j', (ms, text) => expect(plain(formatMs(ms))).toBe(text));

  it.each([
    [null, '–'],
    [10, '10 %'],
    [9.876, '9.88 %'],
    [100, '100 %'],
  ])('writes %j percent as %j', (percent, text) => expect(plain(formatPercent(percent))).toBe(text));

  it('writes shares and bytes', () => {
    expect(plain(formatShare(0.1234, 1))).toBe('12.3 %');
    expect([512, 2048, 10_485_760].map((n) => plain(formatBytes(n)))).toEqual(['512 B', '2 KiB', '10 MiB']);
  });
});

describe('times', () => {
  const now = 1_000_000_000_000;
  it.each([
    [0, 'now'],
    [-1900, 'now'],
    [-12_000, '12 s ago'],
    [-59_999, '59 s ago'],
    [-60_000, '1 min ago'],
    [-7_200_000, '2 h ago'],
    [-200_000_000, '2 d ago'],
    [180_000, 'in 3 min'],
  ])('writes %j ms from now as %j', (distance, text) => {
    expect(plain(formatRelative(now + distance, now))).toBe(text);
  });

  it('writes the time of the day with 24 hours, and the day where it is another one', () => {
    const at = (day: number, hour: number) => new Date(2030, 0, day, hour, 5, 9).getTime();
    expect(formatAbsolute(at(1, 14))).toMatch(/^1 Jan 14:05:09 · /);
    expect(formatWhen(at(1, 14), at(1, 23))).toBe('at 14:05:09');
    expect(formatWhen(at(1, 14), at(2, 1))).toBe('at 14:05:09 on 1 Jan');
  });
});

describe('words', () => {
  it('joins', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(formatList)).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ]);
  });

  it('counts', () => {
    expect([plural(1, 'pod'), plural(1200, 'pod'), plural(0, 'reply', 'replies')]).toEqual([
      '1 pod',
      '1,200 pods',
      '0 replies',
    ]);
  });
});
