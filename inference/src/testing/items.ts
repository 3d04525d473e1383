import type { Item } from '../item.ts';

/** An item that nobody waits for; `about` says what matters to the test. */
export function itemOf(id: number, about: Partial<Omit<Item, 'id'>> = {}): Item {
  return {
    id,
    payload: new Uint8Array(),
    level: 1,
    queuedAtMs: 0,
    deadlineAtMs: 1000,
    span: undefined,
    settle: () => {},
    ...about,
  };
}
