import { once } from 'node:events';
import { createServer } from 'node:net';
import { PORT_OFFSET } from '@headgate/contracts/names';

const FIRST_BASE = 9_940;
const STEP = 20;
const BASES = 200;
/** Searches begin at one of so many bases: few, because each base that was used leaves a folder of logs. */
const BEGINNINGS = 8;
const OFFSETS = Object.values(PORT_OFFSET);

/**
 * A port base whose listeners' ports are all free now. Where the search begins depends on this process, so that
 * two checkouts tested at the same time hardly meet.
 *
 * @throws Error when none of 200 bases is free
 */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < BASES; attempt += 1) {
    const base = FIRST_BASE + STEP * ((process.pid % BEGINNINGS) + attempt);
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
