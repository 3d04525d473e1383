import { readFileSync } from 'node:fs';
import { type Dispatcher, Pool } from 'undici';
import type { Ready } from './stack.ts';

export type Headers = Readonly<Record<string, string>>;

export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Headers;
  readonly body?: Uint8Array | string;
}

/** A keep-alive HTTP/1.1 client of one origin. */
export interface Client {
  /** @throws Error only without an HTTP answer */
  send(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

export interface ClientOptions {
  /** CA file for https. */
  readonly caFile?: string | null;
  /** Source address, any of 127.0.0.0/8; quotas count by address. */
  readonly localAddress?: string;
  readonly connections?: number;
}

export function httpClient(origin: string, options: ClientOptions = {}): Client {
  const { caFile, localAddress, connections = 64 } = options;
  const pool = new Pool(origin, {
    connections,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    allowH2: false,
    connect: caFile ? { ca: readFileSync(caFile) } : {},
    ...(localAddress ? { localAddress } : {}),
  });
  return { send: (call) => send(pool, call), close: () => pool.destroy() };
}

/** Client of the HTTPS listener. @throws Error when the stack runs without Envoy */
export function httpsClient(ready: Ready, options: Omit<ClientOptions, 'caFile'> = {}): Client {
  if (!ready.https) throw new Error('this stack has no HTTPS listener');
  return httpClient(ready.https, { ...options, caFile: ready.caFile });
}

async function send(pool: Dispatcher, { method = 'POST', path, headers = {}, body }: Call): Promise<Answer> {
  const answer = await pool.request({ method, path, headers: { ...headers }, ...(body ? { body } : {}) });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  return { status: answer.statusCode, headers: answer.headers, text: bytes.toString(), bytes };
}

/** One request on a new connection, for URLs of the ready file. */
export async function fetchOnce(url: string, headers: Headers = {}): Promise<Answer> {
  const { origin, pathname, search } = new URL(url);
  const client = httpClient(origin, { connections: 1 });
  try {
    return await client.send({ method: 'GET', path: pathname + search, headers });
  } finally {
    await client.close();
  }
}
