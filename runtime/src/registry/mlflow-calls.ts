import { HeadgateError } from '@headgate/contracts/errors';
import { z } from 'zod';
import { printableIn } from '../printable.ts';
import { readRegularFile } from '../read-file.ts';
import type { Policy } from '../resilience/policy.ts';

/**
 * - `unavailable`: no answer, none in time, or one that says that the server fails
 * - `refused`: the server works and does not do this; another try ends the same way
 * - `wrong`: no answer of MLflow, or a larger one than there may be
 */
export type RegistryErrorKind = 'unavailable' | 'refused' | 'wrong';

/** A call that failed: what was asked, and what the server says, never the token. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly kind: RegistryErrorKind;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;

  constructor(what: string, why: string, { kind = 'unavailable', status, cause }: RegistryErrorOptions = {}) {
    super(`MLflow: ${what}: ${why}`, { cause });
    this.kind = kind;
    this.status = status;
  }

  get isRefusal(): boolean {
    return this.kind === 'refused';
  }
}

interface RegistryErrorOptions {
  /** Default: `unavailable`. */
  readonly kind?: RegistryErrorKind;
  readonly status?: number;
  readonly cause?: unknown;
}

export interface MlflowOptions {
  readonly url: string;
  readonly tokenFile: string | undefined;
  readonly timeoutMs: number;
  readonly policy: Policy;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the REST interface. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface DownloadLimits {
  /**
   * A longer file is an error once it has sent so many bytes. The time is `registry.timeout_ms`, and a second per MiB;
   * from the first byte on, no pause is longer than `registry.timeout_ms`.
   */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const REST = 'api/2.0/mlflow/';
/** A page of versions with long tags. */
const MAX_ANSWER_BYTES = 2 ** 23;
const MAX_TOKEN_BYTES = 2 ** 14;
const MAX_WHY_CHARS = 300;
/** Slowest download: 1 MiB in a second. A server that sends single bytes must not hold a load for ever. */
const MIN_BYTES_PER_MS = 2 ** 20 / 1000;

/** HTTP with an MLflow server that may be down, slow or wrong: bounded answers, bounded time, no redirects. */
export function mlflowCalls({ url, tokenFile, timeoutMs, policy }: MlflowOptions) {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);

  /** The body of a good answer; it is still to be read under the same signal. */
  const send = async (call: Call, path: string, signal: AbortSignal) => {
    const { method, query, body } = call;
    const target = new URL(path, base);
    for (const [key, value] of Object.entries(query ?? {})) target.searchParams.set(key, value);
    const response = await fetch(target, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(tokenFile && { authorization: `Bearer ${await readToken(tokenFile)}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal,
    });
    if (response.ok && response.body) return response.body;
    throw await errorOf(call.path, response);
  };

  return {
    /** One JSON call by the policy; it may be sent twice. @throws RegistryError, or the reason of the call's signal */
    async ask<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
      const once = async (attempt: AbortSignal) => {
        const bytes = await bytesOf(await send(call, `${REST}${call.path}`, attempt), call.path);
        const { success, data, error } = schema.safeParse(jsonOf(bytes));
        if (success) return data;
        const why = 'no answer of MLflow; is registry.url right?';
        throw new RegistryError(call.path, why, { kind: 'wrong', cause: error });
      };
      try {
        return await policy.run(once, call.signal);
      } catch (error) {
        throw wordingOf(error, call.path, call.signal);
      }
    },
    async *download(query: { run_id: string; path: string }, { maxBytes, signal }: DownloadLimits) {
      const path = 'get-artifact';
      const limit = AbortSignal.timeout(timeoutMs + Math.ceil(maxBytes / MIN_BYTES_PER_MS));
      const stalled = new AbortController();
      const timed = AbortSignal.any([signal, limit, stalled.signal]);
      try {
        const body = await send({ method: 'GET', path, query }, path, timed);
        yield* paced(bounded(body, maxBytes, query.path), timeoutMs, stalled);
      } catch (error) {
        throw wordingOf(error, `${path} ${query.path}`, signal);
      }
    },
  };
}

async function readToken(path: string): Promise<string> {
  const token = (await readRegularFile(path, { maxBytes: MAX_TOKEN_BYTES })).toString().trim();
  // fetch would quote it in its error.
  if (/^[!-~]+$/.test(token)) return token;
  throw new RangeError('registry.token_file: expected a token of printable characters in one line');
}

async function* bounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new RegistryError(what, `larger than ${maxBytes} bytes`, { kind: 'wrong' });
    yield chunk;
  }
}

/** Aborts `stalled` when the next piece takes longer than `pauseMs`; the time that its reader takes does not count. */
async function* paced(
  pieces: AsyncIterable<Uint8Array>,
  pauseMs: number,
  stalled: AbortController,
): AsyncGenerator<Uint8Array, void, undefined> {
  const watch = () => setTimeout(() => stalled.abort(new DOMException('', 'TimeoutError')), pauseMs);
  let timer = watch();
  try {
    for await (const piece of pieces) {
      clearTimeout(timer);
      yield piece;
      timer = watch();
    }
  } finally {
    clearTimeout(timer);
  }
}

async function bytesOf(body: AsyncIterable<Uint8Array>, what: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bounded(body, MAX_ANSWER_BYTES, what)) pieces.push(piece);
  return Buffer.concat(pieces);
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

const errorSchema = z.object({ message: z.string() });

/** A refusal, with what the server says about it. */
async function errorOf(what: string, response: Response): Promise<RegistryError> {
  const { status } = response;
  const bytes = response.body ? await bytesOf(response.body, what) : Buffer.alloc(0);
  const { success, data } = errorSchema.safeParse(jsonOf(bytes));
  const why = success ? `: ${printableIn(data.message.slice(0, MAX_WHY_CHARS))}` : '';
  const kind = status < 400 ? 'wrong' : status < 500 && status !== 429 ? 'refused' : 'unavailable';
  return new RegistryError(what, `status ${status}${why}`, { kind, status });
}

function wordingOf(error: unknown, what: string, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof RegistryError) return error;
  const { name, message, cause } = error as Error & { cause?: { code?: string } };
  const isLate = error instanceof HeadgateError || name === 'TimeoutError';
  const why = isLate ? 'no answer in time, or failures just before' : (cause?.code ?? message);
  return new RegistryError(what, why, { cause: error });
}
