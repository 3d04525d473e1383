import { createLogger } from '@headgate/contracts/telemetry/logger';
import { undocumentedLabels } from '@headgate/contracts/testing/documented-metrics';
import { lintMetrics } from '@headgate/contracts/testing/lint-metrics';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { reportLimiter } from './limiter-report.ts';

function reporting() {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const registry = new Registry();
  const logger = createLogger({ service: 'gateway', level: 'info', destination });
  const report = reportLimiter({ logger, registry, mode: 'local_share' });
  return { lines, registry, report };
}

it('shows the one mode that is in force, and failures', async () => {
  const { registry, report } = reporting();
  report.modeChanged('local_share');
  report.storeFailed();
  const page = await registry.metrics();
  const modes = [...page.matchAll(/^headgate_quota_mode\{mode="(\w+)"\} (\d)$/gm)].map(([, ...pair]) => pair);
  expect(Object.fromEntries(modes)).toEqual({ shared: '0', local_share: '1', closed: '0', open: '0' });
  expect(page).toContain('headgate_quota_store_failures_total 1\n');
  expect([undocumentedLabels(page), lintMetrics(page, 'headgate_')]).toEqual([[], []]);
});

it('logs each change of the mode, and a lost connection once until it is back', () => {
  const { lines, report } = reporting();
  report.connectionFailed(
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
  );
  report.connectionFailed(new Error('again'));
  report.modeChanged('local_share');
  report.connectionFailed(new Error('again'));
  report.modeChanged('shared');
  report.connectionFailed(new Error('another time'));
  expect(lines.map(({ msg, mode }) => [msg, mode])).toEqual([
    ['no connection to Redis', undefined],
    ['the store of quotas does not answer', 'local_share'],
    ['quotas are shared again', 'shared'],
    ['no connection to Redis', undefined],
  ]);
});
