import { HeadgateError } from '@headgate/contracts/errors';
import { z } from 'zod';
import { printableIn } from '../printable.ts';
import { readRegularFile } from '../read-file.ts';
import type { Policy } from '../resilience/policy.ts';

/** A call that failed: what was asked, and what the server says, never the token. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  /** Of the answer; undefined when there was none, or none of use. */
  readonly status: number | undefined;

  constructor(what: string, why: string, { status, cause }: { status?: number; cause?: unknown } = {}) {
    super(`MLflow: ${what}: ${why}`, { cause });
    this.status = status;
  }

  /** The server works and does not do this: another try would end the same way. */
  get isRefusal(): boolean {
    return this.status !== undefined && this.status >= 400 && this.status < 500 && this.status !== 429;
  }
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
  /** A longer file is an error once it has sent so many bytes. The time is `registry.timeout_ms`, and a second per MiB. */
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
    const { status } = response;
    if (response.ok && response.body) return response.body;
    throw new RegistryError(call.path, await whyOf(response), { status });
  };

  return {
    /** One JSON call by the policy; it may be sent twice. @throws RegistryError, or the reason of the call's signal */
    async ask<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
      const once = async (attempt: AbortSignal) => {
        const bytes = await bytesOf(await send(call, `${REST}${call.path}`, attempt));
        return parse(schema, bytes, call.path);
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
      const timed = AbortSignal.any([signal, limit]);
      try {
        yield* bounded(await send({ method: 'GET', path, query }, path, timed), maxBytes);
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
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new RangeError(`an answer larger than ${maxBytes} bytes`);
    yield chunk;
  }
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bounded(body, MAX_ANSWER_BYTES)) pieces.push(piece);
  return Buffer.concat(pieces);
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, what: string): T {
  try {
    return schema.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new RegistryError(what, 'the answer is not what MLflow says; is registry.url right?', { cause });
  }
}

const errorSchema = z.object({ message: z.string() });

/** What the server says about its refusal; nothing when it is no MLflow. */
async function whyOf(response: Response): Promise<string> {
  const bytes = response.body ? await bytesOf(response.body).catch(() => Buffer.alloc(0)) : Buffer.alloc(0);
  try {
    const { message } = errorSchema.parse(JSON.parse(bytes.toString()));
    return `${response.status} ${printableIn(message.slice(0, MAX_WHY_CHARS))}`;
  } catch {
    return `status ${response.status}`;
  }
}

function wordingOf(error: unknown, what: string, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof RegistryError) return error;
  if (error instanceof HeadgateError) {
    return new RegistryError(what, 'no answer in time, or it failed just before', { cause: error });
  }
  const { name, message, cause } = error as Error & { cause?: { code?: string } };
  const why = name === 'TimeoutError' ? 'the answer took too long' : (cause?.code ?? message);
  return new RegistryError(what, why, { cause: error });
}
