import { expect, it } from 'vitest';
import { problemsIn } from './vulnerabilities.ts';

it('names what is high or critical, and nothing else', () => {
  const vulnerabilities = { a: { severity: 'low' }, b: { severity: 'critical' }, c: { severity: 'high' } };
  expect(problemsIn({ vulnerabilities }).map((line) => line.slice(0, 5))).toEqual(['b: cr', 'c: hi']);
});

it('takes an answer without a report for no finding, which the probe then notices', () => {
  expect(problemsIn({})).toEqual([]);
});
