import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { PeerCertificate, TLSSocket } from 'node:tls';
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
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** Whether the certificate is not the right one. */
export const isCertificate = (error: unknown): boolean =>
  /CERT|UNABLE_TO_VERIFY/.test(String((error as NodeJS.ErrnoException).code));

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
    const { host, trusted, signal } = this.#options;
    this.#open ??= {
      forward: await forward(this.#programs, 'service/headgate-envoy', 443, signal),
      agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    };
    const outgoing = request({
      ...{ host: '127.0.0.1', port: this.#open.forward.port, path, servername: host },
      agent: this.#open.agent,
      method: body ? 'POST' : 'GET',
      headers: { ...headers, host, ...(body && { 'content-length': body.length }) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]),
      ...{ ca: trusted, allowPartialTrustChain: true },
    });
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
