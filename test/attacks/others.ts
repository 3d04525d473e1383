import { HEADER } from '@headgate/contracts/names';
import type { Client } from '@headgate/testkit/http';
import { openLoad } from '@headgate/testkit/load';
import { percentile } from '@headgate/testkit/stats';
import { KEYS } from '../../gateway/src/testing/app-fixture.ts';

/** What other callers see during an attack. */
export interface Seen {
  readonly sent: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Asks at a constant rate, every `everyMs`, while `during` runs. @param ask whether request `i` was served */
export async function seenWhile(
  everyMs: number,
  ask: (i: number) => Promise<boolean>,
  during: () => Promise<unknown>,
): Promise<Seen> {
  const load = openLoad(everyMs, ask);
  await during();
  const samples = await load.stop();
  const durations = samples.map(({ startMs, endMs }) => endMs - startMs);
  return {
    sent: samples.length,
    failed: samples.filter(({ result }) => !result).length,
    p50Ms: percentile(durations, 50),
    p99Ms: percentile(durations, 99),
  };
}

/** Milliseconds between two requests of another caller of a gateway. */
const EVERY_MS = 10;

/** Another caller asks a gateway for its models while `during` runs. */
export function othersWhile(client: Client, during: () => Promise<unknown>): Promise<Seen> {
  const headers = { [HEADER.apiKey]: KEYS.tester };
  const ask = async () => (await client.send({ method: 'GET', path: '/v1/models', headers })).status === 200;
  return seenWhile(EVERY_MS, ask, during);
}
