import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { PORT_OFFSET } from '@headgate/contracts/names';
import { isFree } from '../../scripts/serve/listeners.ts';

/** Below the range from which systems assign ports. */
const FIRST_BASE = 9_940;
const STEP = 20;
const BASES = 1000;
const ATTEMPTS = 50;

/** A free port of the loopback interface. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * A port base whose listeners' ports are all free.
 *
 * @param bases number of bases among which the search begins at random; few where each base leaves files behind
 */
export async function freePortBase(bases = BASES): Promise<number> {
  const begin = Math.floor(Math.random() * bases);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const base = FIRST_BASE + STEP * ((begin + attempt) % BASES);
    const free = await Promise.all(
      Object.values(PORT_OFFSET).map((offset) => isFree({ host: '127.0.0.1', port: base + offset })),
    );
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no port base is free in ${ATTEMPTS} attempts`);
}
