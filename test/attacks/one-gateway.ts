import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import { type AuditRecord, unlink } from '@headgate/journal/audit/chain';
import { type Client, httpClient } from '@headgate/testkit/http';
import { type Sample, samplesIn } from '@headgate/testkit/metrics';
import { type RunningPart, startPart } from '@headgate/testkit/part';
import { readLog } from '../../control/src/audit/read-log.ts';
import { keyRecords } from '../../gateway/src/testing/app-fixture.ts';

/**
 * One real gateway with the keys of the fixture and an audit log. There is no inference behind it: it reads and checks
 * whole requests, and answers 503 in place of a prediction.
 */
export interface OneGateway extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly internalPort: number;
  readonly origin: string;
  /** Folder of its files. */
  readonly dir: string;
  /** A client of its own address. It is closed with the gateway. */
  client(localAddress: string): Client;
  metrics(): Promise<Sample[]>;
  /** What its audit log holds now, in order. */
  records(): Promise<AuditRecord[]>;
}

/** Configuration for floods: no audit log, and no quota in the default tier. */
export const FLOODED = {
  HEADGATE_AUDIT__SINK: 'none',
  HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__ALL: 'null',
};

/** @param env further configuration */
export async function startOneGateway(env: Readonly<Record<string, string>> = {}): Promise<OneGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-attack-'));
  const keysFile = join(dir, 'keys.yaml');
  writeFileSync(keysFile, JSON.stringify({ keys: await keyRecords() }));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  let part: RunningPart;
  try {
    part = await startPart('gateway', {
      readyPage: '/livez',
      logFile: join(dir, 'gateway.log'),
      env: {
        HEADGATE_ROUTING_FILE: 'config/routing.fallback.yaml',
        HEADGATE_RECORDS__SINK: 'none',
        HEADGATE_GATEWAY__KEYS_FILE: keysFile,
        HEADGATE_AUDIT__WRITER: 'gateway',
        HEADGATE_AUDIT__DIR: join(dir, 'audit'),
        HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads.jsonl'),
        HEADGATE_AUDIT__KEYS_DIR: join(dir, 'audit-keys'),
        ...env,
      },
    });
  } catch (error) {
    remove();
    throw error;
  }
  const port = portOf(part.portBase, 'gateway');
  const origin = `http://127.0.0.1:${port}`;
  const clients: Client[] = [];
  return {
    pid: part.pid,
    port,
    internalPort: portOf(part.portBase, 'gatewayInternal'),
    origin,
    dir,
    client(localAddress) {
      const client = httpClient(origin, { localAddress });
      clients.push(client);
      return client;
    },
    metrics: async () => samplesIn((await part.page('/metrics')).text),
    async records() {
      const found: AuditRecord[] = [];
      for await (const bytes of readLog(join(env.HEADGATE_AUDIT__DIR ?? join(dir, 'audit'), 'gateway'))) {
        const record = unlink(bytes)?.record;
        if (record) found.push(record);
      }
      return found;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await part.stop();
      remove();
    },
  };
}
