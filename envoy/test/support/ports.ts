import { once } from 'node:events';
import { createServer } from 'node:net';
import { PORT_OFFSET } from '@headgate/contracts/names';

/** Below the range from which systems take ports of their own. */
const FIRST = 20_000;
const RANGES = 1000;
const ATTEMPTS = 50;

/** A port base whose listeners are all free on loopback. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = FIRST + 10 * Math.floor(Math.random() * RANGES);
    const free = await Promise.all(Object.values(PORT_OFFSET).map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free ports');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1' });
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
