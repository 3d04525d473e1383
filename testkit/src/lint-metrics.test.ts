import { describe, expect, it } from 'vitest';
import { lintMetrics } from './lint-metrics.ts';

const GOOD = `# HELP headgate_calls_total Calls.
# TYPE headgate_calls_total counter
headgate_calls_total{model="a \\"b\\", c",outcome="ok"} 3
headgate_calls_total{model="d",outcome="ok"} 0

# HELP headgate_wait_seconds Time.
# TYPE headgate_wait_seconds histogram
headgate_wait_seconds_bucket{le="1",model="a"} 1
headgate_wait_seconds_bucket{le="+Inf",model="a"} 2
headgate_wait_seconds_sum{model="a"} 4.5
headgate_wait_seconds_count{model="a"} 2
`;

describe('lintMetrics', () => {
  it('finds nothing wrong with a good page', () => {
    expect(lintMetrics(GOOD, 'headgate_')).toEqual([]);
  });

  it.each([
    ['a counter without _total', (page: string) => page.replaceAll('calls_total', 'calls')],
    [
      '_total on what is no counter',
      (page: string) => page.replace('calls_total counter', 'calls_total gauge'),
    ],
    ['an odd unit', (page: string) => page.replaceAll('wait_seconds', 'wait_ms')],
    ['no help', (page: string) => page.replace(' Time.', ' ')],
    ['buckets that shrink', (page: string) => page.replace('le="1",model="a"} 1', 'le="1",model="a"} 3')],
    ['a count of its own', (page: string) => page.replace('count{model="a"} 2', 'count{model="a"} 3')],
    ['a series that comes twice', (page: string) => page.replace('model="d"', 'model="a \\"b\\", c"')],
    ['a sample that nobody declared', (page: string) => `${page}headgate_more 1\n`],
    ['a value that is no number', (page: string) => page.replace('} 4.5', '} many')],
    ['a metric that is declared twice', (page: string) => `${page}# TYPE headgate_calls_total counter\n`],
  ])('finds %s', (_, spoil) => {
    expect(lintMetrics(spoil(GOOD), 'headgate_')).not.toEqual([]);
  });
});
