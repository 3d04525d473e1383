import { createServer } from 'node:net';
import { portOf } from '@headgate/contracts/names';

/** A base from which the ports of inference are free right now. */
export async function freePortBase(): Promise<number> {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = [portOf(base, 'inferenceGrpc'), portOf(base, 'inferenceInternal')];
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
