import { expect, it } from 'vitest';
import { readJunit } from '../../scripts/test/counts.ts';
import { junit, plainTable, type Result, resultsPage } from './report.ts';

const passed: Result = {
  ...{ name: 'scale', title: 'Scale 3→6', sent: 900, failed: 0, reasons: {}, seconds: 41.26 },
  ...{ figures: { 'least share': '14 %' }, verdict: 'passed' },
};
const failed: Result = {
  ...passed,
  ...{ name: 'node', title: 'Node stopped "hard"', failed: 3, reasons: { 'http2: 503 unavailable': 3 } },
  ...{ figures: {}, verdict: 'failed', problem: '3 of 900 requests failed' },
};
const skipped: Result = { ...failed, name: 'hpa', verdict: 'skipped', problem: 'no <root>' };

it('prints one line per scenario, with figures and reasons below', () => {
  expect(plainTable([passed, failed])).toBe(
    [
      'scenario    sent  failed  seconds  verdict',
      'scale        900       0     41.3  passed',
      '    least share: 14 %',
      'node         900       3     41.3  failed',
      '    3 × http2: 503 unavailable',
      '    3 of 900 requests failed',
    ].join('\n'),
  );
});

it('keeps the rows of a page that did not run now, in the order of the scenarios', () => {
  const rowsOf = (page: string) => page.split('\n').filter((line) => line.startsWith('| `'));
  const names = ['hpa', 'node', 'scale'];
  const first = resultsPage('', [passed, failed, skipped], names, 'Monday');
  expect(rowsOf(first)).toEqual([
    '| `node` | Node stopped "hard" | 900 | 3 | 41.3 | 3 of 900 requests failed | failed | Monday |',
    '| `scale` | Scale 3→6 | 900 | 0 | 41.3 | least share 14 % | passed | Monday |',
  ]);
  const healed: Result = { ...passed, name: 'node', title: 'Node stopped' };
  const second = resultsPage(first, [healed], names, 'Tuesday');
  expect(rowsOf(second)).toEqual([
    '| `node` | Node stopped | 900 | 0 | 41.3 | least share 14 % | passed | Tuesday |',
    '| `scale` | Scale 3→6 | 900 | 0 | 41.3 | least share 14 % | passed | Monday |',
  ]);
  expect(rowsOf(resultsPage(second, [], ['scale'], 'Friday'))).toHaveLength(1);
});

it('is read by npm test', () => {
  expect(readJunit(junit([passed, failed, skipped]))).toEqual({
    ...{ passed: 1, failed: 1, skipped: 1, failures: ['node Node stopped &quot;hard&quot;'] },
  });
});
