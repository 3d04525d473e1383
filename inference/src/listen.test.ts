import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenGrpc, listenHttp, PortTakenError } from './listen.ts';

const holder = createServer();
let port: number;

beforeAll(async () => {
  await listenHttp(holder, '127.0.0.1', 0);
  port = (holder.address() as AddressInfo).port;
});
afterAll(() => holder.close());

describe('a listener whose port is taken', () => {
  it('names the port and the remedy, for HTTP', async () => {
    const listening = listenHttp(createServer(), '127.0.0.1', port);
    await expect(listening).rejects.toThrow(PortTakenError);
    await expect(listening).rejects.toThrow(new RegExp(`port ${port} .* HEADGATE_LISTEN__PORT_BASE`));
  });

  it('names the port and the remedy, for gRPC', async () => {
    await expect(listenGrpc(new Server(), '127.0.0.1', port)).rejects.toThrow(PortTakenError);
  });

  it('is told apart from an address that does not exist', async () => {
    const error = await listenHttp(createServer(), '203.0.113.1', port).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(PortTakenError);
  });
});
