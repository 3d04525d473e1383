import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentReport, Look } from '@headgate/contracts/admin/api';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { headgate } from '../../testing/command-line.ts';
import { fakeControl } from '../../testing/fake-control.ts';
import { ROUTING } from '../../testing/views.ts';
import { intervalSvg } from './interval-svg.ts';

const REPORT: ExperimentReport = {
  model: 'digits',
  experiment: 'a-or-b',
  started_at_ms: 0,
  ended_at_ms: null,
  at_ms: 1000,
  split_since_ms: 500,
  level: 0.95,
  sentence: 'b answers 2.1 points more requests correctly than a.',
  variants: [
    { name: 'a', version: '1', weight: 90, split_units: 95, units: 900, requests: 1200, elsewhere: 0 },
    { name: 'b', version: '2', weight: 10, split_units: 5, units: 100, requests: 130, elsewhere: 7 },
  ],
  srm: { verdict: 'as_expected', e_value: 1.1, sentence: 'The split is as the weights say.' },
  metrics: [
    {
      metric: 'accuracy',
      unit: 'share',
      higher_is_better: true,
      control: { value: 0.91, units: 900 },
      comparisons: [
        {
          variant: 'b',
          value: 0.931,
          units: 100,
          difference: 0.021,
          low: 0.004,
          high: 0.038,
          verdict: 'better',
          why: '',
          left_out: '',
        },
      ],
    },
    {
      metric: 'reward',
      unit: 'none',
      higher_is_better: true,
      control: { value: null, units: 0 },
      comparisons: [
        {
          variant: 'b',
          value: null,
          units: 0,
          difference: null,
          low: null,
          high: null,
          verdict: 'no_data',
          why: 'nobody sends a reward',
          left_out: '',
        },
      ],
    },
  ],
  runs: [
    { experiment: 'a-or-b', started_at_ms: 0, ended_at_ms: null, versions: ['1', '2'] },
    { experiment: 'before', started_at_ms: -9001, ended_at_ms: 0, versions: ['1', '0'] },
  ],
};

const look = (at_ms: number, half: number, variant = 'b'): Look => ({
  at_ms,
  variant,
  units: at_ms,
  difference: 0.02,
  low: 0.02 - half,
  high: 0.02 + half,
  verdict: 'no_difference_yet',
});

const control = () =>
  fakeControl({
    'GET /routing': ROUTING,
    'GET /experiments/digits': REPORT,
    'GET /experiments/digits/looks': { looks: [look(100, 0.2), look(1000, 0.05)] },
    'GET /experiments/digits/csv': () =>
      new Response('metric,variant\r\naccuracy,b\u001b[2J\n', { headers: { 'content-type': 'text/csv' } }),
  });

it('says the sentence first, then each metric with its interval, and why there is none', async () => {
  const { code, out } = await headgate(['experiment', 'report'], control());
  expect(code).toBe(0);
  expect(out.split('\n')[0]).toBe(REPORT.sentence);
  expect(out).toMatch(
    /accuracy +b +91 % +93\.1 % +\+2\.1 points +\+0\.4 points to \+3\.8 points +100 +better\n/,
  );
  expect(out).toMatch(/reward +b +- +- +- +- +0 of 100 +no data\n/);
  expect(out).toContain('reward, b: nobody sends a reward');
  expect(out).toMatch(/VARIANT +VERSION +TARGET +OBSERVED +UNITS.*\n +a +1 +90 % +95 % +900 /);
  expect(out).toContain('The split is as the weights say.');
  expect(out).toContain('Another variant answered 7 of 130 requests of b, which was not ready.');
});

it('says what time it covers, and which other experiments there are', async () => {
  const { out } = await headgate(['experiment', 'report'], control());
  expect(out).toContain(
    'experiment a-or-b of digits: from 1970-01-01T00:00:00Z until now (1970-01-01T00:00:01Z)\n',
  );
  expect(out).toMatch(/1969-12-31T23:59:50\.999Z +1970-01-01T00:00:00Z +1, 0 +before\n$/);
});

it('asks for another experiment or level in each form, and refuses a level that is none', async () => {
  const asked = control();
  const which = ['--experiment', 'old', '--at', '1970-01-01T00:00:05.001Z', '--level', '0.99'];
  await headgate(['experiment', 'report', 'digits', ...which], asked);
  await headgate(['experiment', 'report', 'digits', ...which, '--csv'], asked);
  const query = 'experiment=old&at_ms=5001&level=0.99';
  expect(asked.calls.map(({ call }) => call)).toEqual([
    `GET /experiments/digits?${query}`,
    `GET /experiments/digits/csv?${query}`,
  ]);
  expect((await headgate(['experiment', 'report', '--level', '0.97'], control())).code).toBe(2);
});

it('prints CSV as it is, but for what a terminal would obey', async () => {
  const { out } = await headgate(['experiment', 'report', '--csv'], control());
  expect(out).toBe('metric,variant\naccuracy,b\\u001b[2J\n');
});

it('draws the looks of a metric into a file', async () => {
  const file = join(tempDir(), 'out.svg');
  const asked = control();
  const args = ['--svg', file, '--metric', 'accuracy', '--experiment', 'old'];
  await headgate(['experiment', 'report', 'digits', ...args], asked);
  expect(asked.calls[0]?.call).toBe('GET /experiments/digits/looks?experiment=old&metric=accuracy');
  expect(readFileSync(file, 'utf8')).toContain('b after 1000 units: 2 percentage points, between -3 and 7.');
});

it('draws no other level than that of the intervals that control kept', async () => {
  const args = ['--svg', join(tempDir(), 'out.svg'), '--level', '0.99'];
  const { code, err } = await headgate(['experiment', 'report', ...args], control());
  expect([code, err]).toEqual([2, expect.stringContaining('leave out --level')]);
});

it('draws an interval that narrows, for eyes and for screen readers', () => {
  const svg = intervalSvg({ model: 'digits', metric: 'accuracy', looks: [look(0, 0.2), look(9, 0.1)] });
  expect(svg).toContain(
    '<title id="title">accuracy of digits: difference to control, in percentage points</title>',
  );
  const [, points = ''] = /class="band v0" points="([^"]+)"/.exec(svg) ?? [];
  const [first, second, secondLow, firstLow] = points.split(' ').map((at) => Number(at.split(',')[1]));
  expect([(firstLow as number) - (first as number), (secondLow as number) - (second as number)]).toEqual([
    232, 116,
  ]);
  expect(svg).toContain('prefers-color-scheme: dark');
});

it('draws hostile names, and nothing at all, as text', () => {
  const svg = intervalSvg({ model: '<script>&"\u001b', metric: 'reward', looks: [look(0, 1, '</text>')] });
  expect(svg).not.toMatch(/<script|<\/text><\/text>/);
  expect(svg).not.toContain('\u001b');
  expect(svg).toContain('&lt;script&gt;&amp;&quot;\ufffd');
  expect(intervalSvg({ model: 'm', metric: 'reward', looks: [] })).toContain('There is no interval yet.');
  expect(intervalSvg({ model: 'm', metric: 'reward', looks: [] })).not.toContain('NaN');
});
