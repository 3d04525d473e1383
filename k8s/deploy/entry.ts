import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ConnectionOptions, PeerCertificate, TLSSocket } from 'node:tls';
import { type Forward, forward } from './forward.ts';
import type { Programs } from './programs.ts';

const WITHIN_MS = 20_000;
/** kubectl ends a port-forward when the pod resets one of its connections. */
const TRIES = 3;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly certificate: PeerCertificate;
}

export interface Question {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** POST where there is one. */
  readonly body?: Buffer;
}

export interface EntryOptions {
  /** Name in the certificate. */
  readonly host: string;
  /** What the Secret of the certificate holds, PEM: Envoy must show exactly this certificate. */
  readonly trusted: string;
  /** Envoy closes connections that do not begin with a header of the PROXY protocol. */
  readonly proxyProtocol: boolean;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** Whether the certificate is not the right one. */
export const isCertificate = (error: unknown): boolean =>
  /CERT|UNABLE_TO_VERIFY/.test(String((error as NodeJS.ErrnoException).code));

/** Whether the other end closed the connection. */
export const isClosed = (error: unknown): boolean =>
  /ECONNRESET|EPIPE/.test(String((error as NodeJS.ErrnoException).code));

/** Envoy's HTTPS listener, reached through the API server: works wherever kubectl does. */
export class Entry implements AsyncDisposable {
  readonly #programs: Programs;
  readonly #options: EntryOptions;
  #open: { readonly forward: Forward; readonly agent: Agent } | undefined;

  constructor(programs: Programs, options: EntryOptions) {
    this.#programs = programs;
    this.#options = options;
  }

  /** @throws Error when nothing answers, or not with a certificate of that name */
  async ask(question: Question): Promise<Answer> {
    for (let left = TRIES - 1; ; left--) {
      try {
        return await this.#send(question);
      } catch (error) {
        await this[Symbol.asyncDispose]();
        this.#options.signal.throwIfAborted();
        if (left === 0 || isCertificate(error)) throw error;
      }
    }
  }

  async #send({ path, headers = {}, body }: Question): Promise<Answer> {
    const { host, trusted, proxyProtocol, signal } = this.#options;
    this.#open ??= {
      forward: await forward(this.#programs, 'service/headgate-envoy', 443, signal),
      agent: new (proxyProtocol ? ProxyAgent : Agent)({ keepAlive: true, maxSockets: 1 }),
    };
    const outgoing = request({
      ...{ host: '127.0.0.1', port: this.#open.forward.port, path, servername: host },
      agent: this.#open.agent,
      method: body ? 'POST' : 'GET',
      headers: { ...headers, host, ...(body && { 'content-length': body.length }) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]),
      ...{ ca: trusted, allowPartialTrustChain: true },
    });
    // A failure while the answer is read: its reader gets it.
    outgoing.on('error', () => undefined);
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const certificate = (response.socket as TLSSocket).getPeerCertificate();
    const { statusCode: status = 0, headers: answered } = response;
    return { status, headers: answered, body: await text(response), certificate };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    open?.agent.destroy();
    await open?.forward[Symbol.asyncDispose]();
  }
}

/** Sends the header that a load balancer would, version 1, before TLS begins. */
class ProxyAgent extends Agent {
  override createConnection(...[options, callback]: Parameters<Agent['createConnection']>) {
    const port = Number(options.port);
    const socket = connect(port, '127.0.0.1');
    socket.write(`PROXY TCP4 127.0.0.1 127.0.0.1 ${port} ${port}\r\n`);
    const over: RequestOptions & Pick<ConnectionOptions, 'socket'> = { ...options, socket };
    const secured = super.createConnection(over, callback);
    socket.once('error', (error) => secured?.destroy(error));
    return secured;
  }
}
