import { describe, expect, it } from 'vitest';
import { uuidV7 } from './uuid-v7.ts';

describe('a prediction id', () => {
  it('begins with its time, as RFC 9562 shows in its example', () => {
    expect(uuidV7(0x017f22e279b0)).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('sorts by time', () => {
    const times = [0, 1, 0xffff, 0x10000, 1_700_000_000_000, 0xffffffffffff];
    const ids = times.map(uuidV7);
    expect(ids.toSorted()).toEqual(ids);
  });

  it('is another one each time, within the same millisecond too', () => {
    expect(new Set(Array.from({ length: 1000 }, () => uuidV7(42))).size).toBe(1000);
  });
});
