import { HeadgateError } from '@headgate/contracts/errors';
import { createLogger } from '@headgate/runtime/logger';
import { undocumentedLabels } from '@headgate/testkit/documented-metrics';
import { lintMetrics } from '@headgate/testkit/lint-metrics';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { reportLimiter } from './limiter-report.ts';

function reporting(nowMs = () => 0) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const registry = new Registry();
  const logger = createLogger({ service: 'gateway', level: 'info', destination });
  const report = reportLimiter({ logger, registry, mode: 'local_share', nowMs });
  return { lines, registry, report };
}

it('shows the one mode that is in force, and failures', async () => {
  const { registry, report } = reporting();
  report.modeChanged('local_share');
  report.storeFailed(new Error('down'));
  const page = await registry.metrics();
  const modes = [...page.matchAll(/^headgate_quota_mode\{mode="(\w+)"\} (\d)$/gm)].map(([, ...pair]) => pair);
  expect(Object.fromEntries(modes)).toEqual({ shared: '0', local_share: '1', closed: '0', open: '0' });
  expect(page).toContain('headgate_quota_store_failures_total 1\n');
  expect([undocumentedLabels(page), lintMetrics(page, 'headgate_')]).toEqual([[], []]);
});

it('logs each change of the mode, and what is wrong with Redis once a minute at most', () => {
  let now = 0;
  const { lines, report } = reporting(() => now);
  const refused = new HeadgateError('unavailable', 'Please try again.');
  report.storeFailed(refused);
  report.connectionFailed(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
  report.storeFailed(new Error('again'));
  report.modeChanged('local_share');
  now = 60_000;
  const late = new HeadgateError('unavailable', 'Please try again.', {
    cause: new Error('it took too long'),
  });
  report.storeFailed(late);
  report.storeFailed(refused);
  report.modeChanged('shared');
  report.storeFailed(Object.assign(new Error('OOM'), { command: { args: ['192.0.2.1'] } }));
  expect(lines.map(({ mode, message }) => mode ?? message)).toEqual([
    'connect ECONNREFUSED',
    'local_share',
    'it took too long',
    'shared',
    'OOM',
  ]);
  expect(JSON.stringify(lines)).not.toContain('192.0.2.1');
});
