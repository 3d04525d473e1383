import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { isIP } from 'node:net';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';

/** A listener's port is in use; the message names it and the remedy. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';

  constructor(host: string, port: number) {
    super(
      `port ${port} on ${host} is taken; end the process that holds it, or set HEADGATE_LISTEN__PORT_BASE`,
    );
  }
}

/** Binds a gRPC server, without TLS. @throws PortTakenError */
export async function listenGrpc(server: GrpcServer, host: string, port: number): Promise<void> {
  const address = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
    error ? reject(error) : resolve(),
  );
  await promise.catch((error: Error) => {
    throw error.message.includes('EADDRINUSE') ? new PortTakenError(host, port) : error;
  });
}

/** Binds an HTTP server. @throws PortTakenError */
export async function listenHttp(server: HttpServer, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? new PortTakenError(host, port) : error;
  });
}
