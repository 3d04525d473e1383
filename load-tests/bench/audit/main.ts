/**
 * `npm run bench:audit -- [--rounds 5] [--seconds 3]`: how many audit records a second one gateway process keeps, and
 * what one costs in CPU time of all its threads. Calls wait for nothing, and are synced as a group once a second;
 * changes wait for their fsync, which those that come together share. The log is on the disk of the temporary folder.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { AuditChange, AuditEntry, AuditSink } from '@headgate/contracts/audit/sink';
import { METRIC } from '@headgate/contracts/names';
import { createLogger } from '@headgate/contracts/telemetry/logger';
import { verifyLogs } from '../../../control/src/audit/verify-logs.ts';
import { createMetrics, type Metrics } from '../../../gateway/src/telemetry/metrics.ts';
import { auditOfBench } from '../edge/audit.ts';
import { describeMachine } from '../machine.ts';
import { positive } from '../options.ts';
import { ownRun } from '../own-run.ts';
import { meetsTarget, reportAudit, type Sample, type Series } from './report.ts';

/** Calls for each change: far fewer than may wait in memory. */
const CALLS_PER_CHANGE = 5000;
const KEYS = 20;

const callOf = (n: number): AuditEntry => ({
  atMs: Date.now(),
  requestId: `0af76519-16cd-43dd-8448-${String(n).padStart(12, '0')}`,
  keyId: `client${n % KEYS}`,
  address: `192.0.2.${n % 256}`,
  method: 'POST',
  route: '/v1/models/:model/predict',
  status: 200,
  reason: undefined,
});

const changeOf = (n: number): AuditChange => ({
  atMs: Date.now(),
  keyId: 'admin001',
  action: 'model.load',
  outcome: 'attempted',
  detail: { model: 'efficientnet-lite0' },
  requestId: `0af76519-16cd-43dd-8448-${String(n).padStart(12, '0')}`,
});

type Work = (sink: AuditSink, untilMs: number) => Promise<void>;

/** As many calls as the log takes; a change now and then shows that they are on disk. */
const calls: Work = async (sink, untilMs) => {
  for (let n = 0; performance.now() < untilMs; ) {
    for (let i = 0; i < CALLS_PER_CHANGE; i += 1) sink.record(callOf(n++));
    await sink.change(changeOf(n));
  }
};

/** So many callers at once, each of which waits for the fsync of its change. */
const changes =
  (callers: number): Work =>
  async (sink, untilMs) => {
    const caller = async (first: number) => {
      for (let n = first; performance.now() < untilMs; n += callers) await sink.change(changeOf(n));
    };
    await Promise.all(Array.from({ length: callers }, (_, n) => caller(n)));
  };

const WORK: Readonly<Record<Series, Work>> = {
  calls,
  alone: changes(1),
  together: changes(64),
  crowd: changes(1024),
};

async function counterOf(metrics: Metrics, name: string): Promise<number> {
  const { values } = (await metrics.registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return values.reduce((sum, { value }) => sum + value, 0);
}

async function measure(sink: AuditSink, metrics: Metrics, work: Work, durationMs: number): Promise<Sample> {
  const before = await counterOf(metrics, METRIC.auditWritten);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await work(sink, startMs + durationMs);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  const records = (await counterOf(metrics, METRIC.auditWritten)) - before;
  return { perS: (records * 1000) / elapsedMs, cpuMs: (user + system) / 1000 / records };
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' } },
});
const rounds = Math.max(2, positive('--rounds', values.rounds));
const durationMs = positive('--seconds', values.seconds) * 1000;
const machine = describeMachine();

await ownRun(async ({ dir, signal, progress }) => {
  const metrics = createMetrics();
  const logger = createLogger({ service: 'bench', level: 'error' });
  const audit = await auditOfBench(dir, { logger, metrics });
  const samples: Record<Series, Sample[]> = { calls: [], alone: [], together: [], crowd: [] };
  // The first round warms: it does not count.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, work] of Object.entries(WORK) as [Series, Work][]) {
      signal.throwIfAborted();
      const sample = await measure(audit.sink, metrics, work, durationMs);
      if (round > 0) samples[name].push(sample);
      progress(`round ${round}/${rounds}  ${name}: ${sample.perS.toFixed(0)} records/s`);
    }
  }
  await audit.stop();
  const startMs = performance.now();
  const [log] = await verifyLogs({ dir: join(dir, 'log'), headsFile: join(dir, 'heads.jsonl') });
  const verifiedPerS = ((log?.records ?? 0) * 1000) / (performance.now() - startMs);
  const lost = await counterOf(metrics, METRIC.auditDropped);
  if (!log || log.fault || lost > 0)
    throw new Error(`${lost} records lost; ${log?.fault?.message ?? 'intact'}`);
  console.log(
    `Measured on ${machine.date} at commit ${machine.commit}: ${machine.cpu}; load average before it ${machine.loadBefore.toFixed(2)}.`,
  );
  console.log(`${rounds} rounds in turns; ${log.records} records, none lost, the chain intact.\n`);
  console.log(reportAudit(samples, verifiedPerS));
  process.exitCode = meetsTarget(samples) ? 0 : 1;
});
