import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER, portOf } from '@headgate/contracts/names';
import { type Client, httpClient } from '@headgate/testkit/http';
import { openLoad } from '@headgate/testkit/load';
import { startPart } from '@headgate/testkit/part';
import { percentile } from '@headgate/testkit/stats';
import { KEYS, keyRecords } from '../../gateway/src/testing/app-fixture.ts';

/** A gateway without inference: it reads and checks whole requests, and answers 503 in place of a prediction. */
export interface LoneGateway extends AsyncDisposable {
  readonly port: number;
  /** A client of its own address. */
  client(localAddress: string): Client;
}

/** @param env further configuration */
export async function startLoneGateway(env: NodeJS.ProcessEnv = {}): Promise<LoneGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-lone-'));
  const keysFile = join(dir, 'keys.yaml');
  writeFileSync(keysFile, JSON.stringify({ keys: await keyRecords() }));
  const part = await startPart('gateway', {
    readyPage: '/livez',
    logFile: join(dir, 'gateway.log'),
    env: {
      HEADGATE_ROUTING_FILE: 'config/routing.fallback.yaml',
      HEADGATE_RECORDS__SINK: 'none',
      HEADGATE_AUDIT__SINK: 'none',
      HEADGATE_GATEWAY__KEYS_FILE: keysFile,
      HEADGATE_GATEWAY__RATE_LIMIT__TIERS__DEFAULT__ALL: 'null',
      ...env,
    },
  });
  const port = portOf(part.portBase, 'gateway');
  const clients: Client[] = [];
  return {
    port,
    client(localAddress) {
      const client = httpClient(`http://127.0.0.1:${port}`, { localAddress });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await part.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Milliseconds between two requests of the others. */
const EVERY_MS = 10;

export type Others = Awaited<ReturnType<typeof othersWhile>>;

/** Another caller asks what is served, at a constant rate, while `during` runs. */
export async function othersWhile(client: Client, during: () => Promise<unknown>) {
  const headers = { [HEADER.apiKey]: KEYS.tester };
  const load = openLoad(EVERY_MS, () => client.send({ method: 'GET', path: '/v1/models', headers }));
  await during();
  const samples = await load.stop();
  const times = samples.map(({ startMs, endMs }) => endMs - startMs);
  return {
    sent: samples.length,
    failed: samples.filter(({ result }) => result.status !== 200).length,
    p50: percentile(times, 50),
    p99: percentile(times, 99),
    max: Math.max(...times),
  };
}
