import type { Http2Server, ServerHttp2Stream, ServerOptions } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

/** What grpc-js does not offer (decision 0057): private parts of a pinned version. Tests fail where an update moves them. */
interface ServerInternals {
  readonly commonServerOptions: ServerOptions;
  createHttp2Server(...args: unknown[]): Http2Server;
}

interface StreamInternals {
  readonly call?: { readonly stream?: ServerHttp2Stream };
}

/**
 * Bytes that a peer may send before we read them, on a stream and on its connection. With HTTP/2's 64 KiB a photo
 * waits for a WINDOW_UPDATE on its way.
 */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** To be called before the server listens. */
export function widenWindows(server: Server): void {
  const internals = server as unknown as ServerInternals;
  const create = internals.createHttp2Server.bind(server);
  internals.commonServerOptions.settings = { initialWindowSize: WINDOW_BYTES };
  internals.createHttp2Server = (...args) =>
    create(...args).on('session', (session) => session.setLocalWindowSize(WINDOW_BYTES));
}

/** Whether the connection of a stream was told to go away: of age, or because the server shuts down. */
export function isLeaving(stream: object): boolean {
  return (stream as StreamInternals).call?.stream?.session?.closed === true;
}
