import { once } from 'node:events';
import { createServer } from 'node:net';
import { PORT_OFFSET } from '@headgate/contracts/names';

const FIRST_BASE = 9_940;
const STEP = 20;
const BASES = 200;
const OFFSETS = Object.values(PORT_OFFSET);

/**
 * The first port base whose listeners' ports are all free now: two checkouts tested at the same time do not meet.
 *
 * @throws Error when none of 200 bases is free
 */
export async function freePortBase(): Promise<number> {
  for (let base = FIRST_BASE; base < FIRST_BASE + STEP * BASES; base += STEP) {
    const free = await Promise.all(OFFSETS.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no port base is free');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
