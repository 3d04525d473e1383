import type { Item } from '../item.ts';

/** An item without a waiting caller; `about` overrides its members. */
export function itemOf(id: number, about: Partial<Omit<Item, 'id'>> = {}): Item {
  return {
    id,
    payload: new Uint8Array(),
    cost: { work: 1, memoryBytes: 0 },
    share: '',
    level: 1,
    queuedAtMs: 0,
    deadlineAtMs: 1000,
    span: undefined,
    settle: () => {},
    ...about,
  };
}
