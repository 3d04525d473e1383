import { expect, it } from 'vitest';
import { addedMs, meetsTarget, reportEdge } from './report.ts';

const rounds = [
  { onion: 0.5, echo: 0.2, read: 0.1 },
  { onion: 0.7, echo: 0.4, read: 0.3 },
  { onion: 0.6, echo: 0.3, read: 0.2 },
];

it('compares within a round, so that a slow round says nothing', () => {
  for (const added of addedMs(rounds, 'echo')) expect(added).toBeCloseTo(0.3, 10);
  expect(meetsTarget(rounds)).toBe(true);
  expect(reportEdge(rounds)).toContain('| CPU of the onion over a bare echo | <= 0.35 ms | 0.300 ms | yes |');
});

it('does not take a mean for met while its interval reaches beyond', () => {
  const unsure = [{ onion: 0.3, echo: 0.2, read: 0.1 }, { onion: 0.8, echo: 0.3, read: 0.2 }, ...rounds];
  expect(meetsTarget(unsure)).toBe(false);
});
