import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { HEADER_KIB, IDLE_MS } from '@headgate/contracts/limits';
import type { TestEnvoy } from './envoy.ts';

/** What the upstream saw of a request; the body of its answers. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: number;
}

/**
 * A tiny gateway: answers what it saw. `/hold` is answered only after `release()`, `/early` is refused with 413
 * before its body is read, `/large` is answered with more bytes than all buffers on the way hold.
 */
export class Upstream implements AsyncDisposable {
  /** Requests whose headers arrived. */
  readonly seen: string[] = [];
  /** Bytes of the body that arrived so far, by URL. */
  readonly bytes = new Map<string, number>();
  /** Answers that were cut before their end, by URL. */
  readonly cut: string[] = [];
  readonly #held: (() => void)[] = [];
  #toCut = 0;
  readonly #server: Server;

  private constructor() {
    const options = { keepAliveTimeout: IDLE_MS.gatewayKeepAlive, maxHeaderSize: HEADER_KIB.gateway * 1024 };
    this.#server = createServer(options, (request, response) => void this.#answer(request, response));
  }

  /** Listens where Envoy looks for the gateway. */
  static async listen({ gatewayPort }: TestEnvoy): Promise<Upstream> {
    const upstream = new Upstream();
    upstream.#server.listen(gatewayPort, '127.0.0.1');
    await once(upstream.#server, 'listening');
    return upstream;
  }

  /** Resets the connections of the next `count` requests once they have arrived, as a process does that dies. */
  cutNext(count: number): void {
    this.#toCut = count;
  }

  release(): void {
    for (const resolve of this.#held.splice(0)) resolve();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', method = '', headers } = request;
    this.seen.push(url);
    if (url.startsWith('/early')) {
      response.writeHead(413).end('refused');
      return;
    }
    if (url.startsWith('/large')) {
      response.on('close', () => response.writableFinished || this.cut.push(url));
      response.end(Buffer.alloc(64 * 2 ** 20));
      return;
    }
    let bytes = 0;
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      this.bytes.set(url, bytes);
    });
    if (url.startsWith('/hold')) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (!request.complete) await once(request, 'end').catch(() => undefined);
    if (this.#toCut > 0) {
      this.#toCut -= 1;
      request.socket.resetAndDestroy();
      return;
    }
    const echo: Echo = { method, url, headers, bytes };
    response.setHeader('server', 'node');
    response.setHeader('x-powered-by', 'node');
    response.end(JSON.stringify(echo));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close').catch(() => undefined);
  }
}
