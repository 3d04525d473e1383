import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A fault of the network. reset: all connections end with RST, new ones too. black_hole: bytes are dropped and
 * connections stay open; when the fault ends, connections that lost bytes are reset, because TCP cannot continue after a
 * gap. slow_close: bytes are dropped, and each connection is closed with FIN after `ms`.
 */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'black_hole' }
  | { readonly kind: 'slow_close'; readonly ms: number };

/** A TCP proxy on loopback between a client and a dependency, for tests of outages. */
export interface FaultProxy {
  readonly port: number;
  /** Takes effect for open connections and new ones. */
  set(fault: Fault): void;
  close(): void;
}

/** @param target port of this machine that receives the connections */
export async function startFaultProxy(target: number): Promise<FaultProxy> {
  let fault: Fault = { kind: 'none' };
  const sockets = new Set<Socket>();
  /** Connections that lost bytes. */
  const torn = new Set<Socket>();

  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      torn.delete(socket);
    });
  };

  /** Keeps the order: each chunk waits for those before it. */
  const pass = (from: Socket, to: Socket) => {
    let last = Promise.resolve();
    from.on('data', (chunk) => {
      const due = fault.kind === 'latency' ? sleep(fault.ms) : Promise.resolve();
      last = last.then(async () => {
        await due;
        if (fault.kind === 'none' || fault.kind === 'latency') to.write(chunk);
        else torn.add(from);
      });
    });
    from.on('close', () => void last.then(() => to.destroy()));
  };

  const server = createServer((client) => {
    keep(client);
    if (fault.kind === 'reset') return client.resetAndDestroy();
    const upstream = connect(target, '127.0.0.1');
    keep(upstream);
    pass(client, upstream);
    pass(upstream, client);
    if (fault.kind === 'slow_close') setTimeout(() => client.end(), fault.ms).unref();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    set: (next) => {
      fault = next;
      if (next.kind === 'none') for (const socket of torn) socket.resetAndDestroy();
      for (const socket of sockets) {
        if (next.kind === 'reset') socket.resetAndDestroy();
        if (next.kind === 'slow_close') setTimeout(() => socket.end(), next.ms).unref();
      }
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
