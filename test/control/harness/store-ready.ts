import { API_BASE } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import type { Client } from '@headgate/testkit/http';

/**
 * Waits until control reads the store of records. The embedded database takes seconds of CPU time to start: on a busy
 * machine the first read takes longer than a page or a report may.
 */
export async function storeIsReady(control: Client, key: string): Promise<void> {
  const headers = { [HEADER.apiKey]: key };
  const read = () => control.send({ method: 'GET', path: `${API_BASE}/accuracy`, headers });
  const wait = { what: 'the store of records', withinMs: 120_000 };
  await eventually(async () => (await read()).status === 200, wait);
}
