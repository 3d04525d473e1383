import { expect, it } from 'vitest';
import { newIn } from './watch.ts';

const trouble = (component: string) => ({ component, pod: component, text: 'crashes', isLasting: true });
const snapshot = { atMs: 1000, workloads: [], troubles: [trouble('migrate'), trouble('gateway')] };

it('ignores pods of the revision before until all objects of the new one are sent', () => {
  const named = (appliedAtMs: number) => newIn(snapshot, appliedAtMs).troubles.map(({ pod }) => pod);
  expect(named(Number.POSITIVE_INFINITY)).toEqual(['migrate']);
  expect(named(1000)).toEqual(['migrate']);
  expect(named(900)).toEqual(['migrate', 'gateway']);
});
