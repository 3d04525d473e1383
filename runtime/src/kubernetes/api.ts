import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { readRegularFile } from '../read-file.ts';

/** Where the API server is, and the files that prove who calls. The kubelet rotates them: each call reads them again. */
export interface ApiOptions {
  readonly host: string;
  readonly port: number;
  /** Namespace of this pod. */
  readonly namespace: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/merge-patch+json` for PATCH, else `application/json`. */
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface WatchOptions {
  /** The API server ends the watch after this time; we do so a little later, in case it is silent. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The few calls of the Kubernetes API that Headgate needs (decision 0085). */
export interface KubernetesApi {
  readonly namespace: string;
  /**
   * @param path with its query, for example `/api/v1/namespaces/NS/configmaps/NAME`
   * @returns the answer's JSON
   * @throws KubernetesError for every failure, or the reason of `signal`
   */
  call(method: Method, path: string, options?: RequestOptions): Promise<unknown>;
  /**
   * Follows a list that `path` names, with its query but `watch` and `timeoutSeconds`. Ends when the API server ends it.
   *
   * @throws KubernetesError as `call`; status 410 when the resource version is too old
   */
  watch(path: string, options: WatchOptions): AsyncIterable<WatchEvent>;
  /** Closes idle connections. */
  close(): void;
}

/** A call that failed, with what the API server says about it. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  /** Undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(what: string, why: string, { status, cause }: { status?: number; cause?: unknown } = {}) {
    super(`${what}: ${why}`, { cause });
    this.status = status;
  }
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const MAX_FILE_BYTES = 2 ** 20;
/** etcd keeps at most 1.5 MiB of an object; JSON may need two bytes for one. */
const MAX_ANSWER_BYTES = 2 ** 23;
const MAX_WHY_CHARS = 500;
const TIMEOUT_MS = 10_000;
/** Time for the end of a watch to arrive. */
const LATE_MS = 5000;

/** @throws KubernetesError outside a cluster, and without a mounted service account */
export async function inClusterApi(env: NodeJS.ProcessEnv, dir = SERVICE_ACCOUNT): Promise<KubernetesApi> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) {
    throw new KubernetesError('Kubernetes API', 'KUBERNETES_SERVICE_HOST is not set; run this in a pod');
  }
  const namespace = (await readFile('Kubernetes API', join(dir, 'namespace'))).trim();
  const files = { tokenFile: join(dir, 'token'), caFile: join(dir, 'ca.crt') };
  return kubernetesApi({ host, port: Number(port), namespace, ...files });
}

export function kubernetesApi(options: ApiOptions): KubernetesApi {
  const agent = new Agent({ keepAlive: true });

  /** One attempt: the answer's head. Its body is still to be read under the same signal. */
  const send = async ({ method, path, signal, body, contentType }: Sent): Promise<IncomingMessage> => {
    const what = whatOf(method, path);
    const [token, ca] = await Promise.all([
      readFile(what, options.tokenFile),
      readFile(what, options.caFile),
    ]);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token.trim()}`,
      accept: 'application/json',
      'user-agent': 'headgate',
      ...(text !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
    };
    const { host, port } = options;
    const sent = request({ host, port, method, path, headers, ca, agent, signal });
    // A socket may also fail after the answer has begun: the reader of the answer gets that error.
    sent.on('error', () => undefined);
    sent.end(text);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw new KubernetesError(what, `${status} ${whyOf(await bytesOf(response))}`, { status });
  };

  const call: KubernetesApi['call'] = async (method, path, callOptions = {}) => {
    const { body, timeoutMs = TIMEOUT_MS, signal: outer } = callOptions;
    const { contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' } =
      callOptions;
    const timed = within(timeoutMs, outer);
    try {
      const response = await send({ method, path, signal: timed, body, contentType });
      return JSON.parse((await bytesOf(response)).toString());
    } catch (error) {
      throw wordingOf(error, { what: whatOf(method, path), timed, outer });
    }
  };

  async function* watch(path: string, { timeoutSeconds, signal: outer }: WatchOptions) {
    const query = `watch=true&timeoutSeconds=${timeoutSeconds}`;
    const timed = within(timeoutSeconds * 1000 + LATE_MS, outer);
    const what = `watch ${whatOf('GET', path)}`;
    try {
      const whole = `${path}${path.includes('?') ? '&' : '?'}${query}`;
      const response = await send({ method: 'GET', path: whole, signal: timed });
      for await (const line of linesOf(response)) yield eventOf(line, what);
    } catch (error) {
      throw wordingOf(error, { what, timed, outer });
    }
  }

  return { namespace: options.namespace, call, watch, close: () => agent.destroy() };
}

interface Sent {
  readonly method: Method;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly body?: unknown;
  readonly contentType?: string;
}

function within(ms: number, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

const whatOf = (method: Method, path: string) => `${method} ${path.split('?', 1)[0]}`;

async function readFile(what: string, path: string): Promise<string> {
  try {
    return (await readRegularFile(path, { maxBytes: MAX_FILE_BYTES })).toString();
  } catch (cause) {
    const why = `${path} cannot be read; mount the token of a service account`;
    throw new KubernetesError(what, why, { cause });
  }
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`an answer larger than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (let piece of response as AsyncIterable<Buffer>) {
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10)) {
      yield Buffer.concat([...pieces, piece.subarray(0, end)]).toString();
      piece = piece.subarray(end + 1);
      pieces = [];
      bytes = 0;
    }
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`an event larger than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
}

interface ApiStatus {
  readonly code?: number;
  readonly message?: string;
}

/** @throws KubernetesError for an event of the type ERROR, which ends a watch */
function eventOf(line: string, what: string): WatchEvent {
  const event = JSON.parse(line) as WatchEvent | { type: 'ERROR'; object: ApiStatus };
  if (event.type !== 'ERROR') return event;
  const { code: status, message } = event.object;
  const why = `${status} ${(message ?? '').slice(0, MAX_WHY_CHARS)}`;
  throw new KubernetesError(what, why, { ...(status !== undefined && { status }) });
}

/** The API server explains a refusal in an object of the kind Status; a proxy in front of it does so in its own way. */
function whyOf(body: Buffer): string {
  try {
    const { message } = JSON.parse(body.toString()) as ApiStatus;
    return (message ?? '').slice(0, MAX_WHY_CHARS);
  } catch {
    return '';
  }
}

interface Circumstances {
  readonly what: string;
  readonly timed: AbortSignal;
  readonly outer: AbortSignal | undefined;
}

function wordingOf(error: unknown, { what, timed, outer }: Circumstances): unknown {
  if (outer?.aborted) return outer.reason;
  if (error instanceof KubernetesError) return error;
  if (timed.aborted) return new KubernetesError(what, 'no answer in time', { cause: error });
  if (error instanceof SyntaxError)
    return new KubernetesError(what, 'the answer is not JSON', { cause: error });
  return new KubernetesError(what, error instanceof Error ? error.message : 'failed', { cause: error });
}
