import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { portOf } from '@headgate/contracts/names';
import type { RecordSink } from '@headgate/contracts/records/sink';
import { idAt, predictionOf } from '@headgate/contracts/records/testing';
import { startShipper } from '../../../gateway/src/store/shipper.ts';
import { controlSink } from '../../../gateway/src/store/sinks/control.ts';
import { postgresSink } from '../../../gateway/src/store/sinks/postgres.ts';
import { startPostgresCluster } from '../../../scripts/services/postgres-cluster.ts';
import { testConfig } from '../../../scripts/testing/config.ts';
import { eventually } from '../../../test/e2e/harness/deadline.ts';
import { freePortBase } from '../../../test/e2e/harness/ports.ts';
import { ROOT } from '../../../test/e2e/harness/stack.ts';
import { benchSpool } from './path.ts';

/** Where records are shipped to, running. */
export interface Store {
  readonly name: string;
  readonly sink: RecordSink;
  close(): Promise<void>;
}

const WITHIN_MS = 300_000;
const { ship } = testConfig().records;

/** Control in a process of its own, as `npm start` has it. */
export async function startControl(dir: string): Promise<Store> {
  const portBase = await freePortBase();
  const env = {
    ...process.env,
    HEADGATE_ROOT: ROOT,
    HEADGATE_LISTEN__PORT_BASE: String(portBase),
    HEADGATE_RECORDS__EMBEDDED_DIR: join(dir, 'store'),
    HEADGATE_AUDIT__STORE: 'none',
  };
  const child: ChildProcess = spawn(process.execPath, ['control/src/main.ts'], {
    cwd: ROOT,
    env,
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${portOf(portBase, 'control')}`;
  await eventually(async () => (await fetch(`${url}/livez`)).ok, { what: 'control', withinMs: WITHIN_MS });
  return {
    name: 'control, PGlite',
    sink: controlSink(url),
    async close() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

export async function startPostgres({ replica }: { readonly replica: boolean }): Promise<Store> {
  const cluster = await startPostgresCluster({ replica });
  const sink = await postgresSink({ url: cluster.url, timeoutMs: 10_000, retentionDays: 90 });
  return {
    name: replica ? 'PostgreSQL with a synchronous standby' : 'PostgreSQL',
    sink,
    async close() {
      await sink.close();
      await cluster.close();
    },
  };
}

/** Ships `count` records out of a full spool. @returns records per second, and CPU-ms of this process per record */
export async function shippingRate(
  { sink }: Store,
  dir: string,
  count: number,
): Promise<{ rate: number; cpuMs: number }> {
  const spool = await benchSpool(dir);
  const nowMs = Date.now();
  for (let n = 0; n < count; n += 1) {
    spool.append(Buffer.from(JSON.stringify(predictionOf({ id: idAt(nowMs, n), at_ms: nowMs }))));
    if (n % ship.batch_records === 0) await spool.flush();
  }
  await spool.flush();
  // Tables are made, and an embedded database is opened, by the first delivery: not what is measured.
  await sink.deliver([predictionOf({ id: idAt(nowMs, count) })], new AbortController().signal);
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  const shipper = startShipper({
    reader: spool.reader,
    sink,
    writer: 'bench',
    batchRecords: ship.batch_records,
    intervalMs: ship.interval_ms,
    retryMinMs: ship.retry_min_ms,
    retryMaxMs: ship.retry_max_ms,
    pause: (ms, signal) => pause(ms, undefined, { signal }).catch(() => undefined),
    report: {
      delivered: () => undefined,
      refused: (_, cause) => {
        throw new Error('records were refused', { cause });
      },
      failed: (error) => console.error('a delivery failed', error),
    },
  });
  await eventually(() => spool.stats().undelivered === 0, {
    what: 'all delivered',
    withinMs: WITHIN_MS,
    everyMs: 5,
  });
  const tookMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  await shipper.stop();
  await spool.close();
  return { rate: (count * 1000) / tookMs, cpuMs: (user + system) / 1000 / count };
}
