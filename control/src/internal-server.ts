import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { HEADER } from '@headgate/contracts/names';
import { deliverySchema } from '@headgate/contracts/records';
import { isOwnHost } from '@headgate/runtime/internal-http';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import type { Logger } from '@headgate/runtime/logger';
import { type JudgedImage, type JudgedQuery, judgedQuerySchema } from '@headgate/stores/records/judged';
import { type RecordSink, RecordsRefusedError } from '@headgate/stores/records/sink';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { type LogBegins, logsSchema } from './audit/verify.ts';

export interface InternalServerOptions {
  /** Takes records of gateways; absent where they go elsewhere. */
  readonly sink?: Pick<RecordSink, 'deliver'>;
  /** Verifies the audit records in the embedded database, which no other process can open; JSON of what it finds. */
  readonly verifyAudit?: (() => Promise<unknown>) | undefined;
  /** What that database confirms of logs, with which `headgate audit verify` compares them. */
  readonly confirmAudit?: ((logs: LogBegins) => Promise<unknown>) | undefined;
  /** Images with feedback, for commands that cannot open the embedded database. */
  readonly judged?: (query: JudgedQuery) => Promise<readonly JudgedImage[]>;
  /** What Prometheus reads. */
  readonly registry: Registry;
  /** What callers show for everything but /livez, /readyz and /metrics; absent: nothing. */
  readonly secret?: InternalSecret | undefined;
  readonly logger: Pick<Logger, 'error'>;
  /** Answers every other path, browsers included: the admin API and the console. Absent: 404. */
  readonly admin?: RequestListener;
}

/** A delivery of 10,000 records is a tenth of it. */
const MAX_BYTES = 64 * 2 ** 20;
/** The database takes one after the other. An abandoned delivery keeps its place until it ends. */
const MAX_DELIVERIES = 4;
/** Each reads a good part of the database. */
const MAX_QUERIES = 2;
const MAX_VERIFICATIONS = 1;

/** Answered without the secret. Control is ready as soon as it listens: it opens its stores when they are needed. */
const OPEN = new Set(['/livez', '/readyz', '/metrics']);

/** No path of the admin API or the console begins like these. */
const isInternal = (url = ''): boolean => url.startsWith('/internal/') || OPEN.has(url);

const confirmationSchema = z.strictObject({ logs: logsSchema });

/** @param signal aborted once the caller has gone */
type Handler = (request: IncomingMessage, signal: AbortSignal) => Promise<Answer>;

/**
 * Control's port: what gateways and the command line ask of it, beside the admin API. Its own paths refuse callers without the internal secret, and what a browser
 * sends: a page can reach loopback too.
 */
export function createInternalServer(options: InternalServerOptions): Server {
  const { registry, secret, logger, admin } = options;
  const handlers = handlersOf(options);

  const answer: Handler = async (request, signal) => {
    const { url = '', headers, method } = request;
    const isOpen = OPEN.has(url);
    const isKnown = secret?.accepts(headers[HEADER.internalSecret]);
    if (isFromBrowser(request) || (!isKnown && !isOwnHost(headers.host))) return { status: 403 };
    if (isKnown === false && !isOpen) return { status: 401 };
    if (!isOpen) return (await handlers.get(url)?.(request, signal)) ?? { status: 404 };
    if (method !== 'GET') return { status: 405 };
    if (url !== '/metrics') return { status: 204 };
    return { status: 200, body: await registry.metrics(), type: registry.contentType };
  };

  /** Callers that leave in the middle of their body come here too: no error may end the process. */
  const failed = (err: unknown, { url: path }: IncomingMessage): Answer => {
    logger.error({ err, path }, 'an internal request failed');
    return { status: err instanceof RecordsRefusedError ? 400 : 503 };
  };

  return createServer({ requestTimeout: 30_000 }, (request: IncomingMessage, response: ServerResponse) => {
    if (admin && !isInternal(request.url)) return admin(request, response);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const answered = answer(request, gone.signal).catch((err) => failed(err, request));
    void answered.then(({ status, body, type }) => {
      if (body === undefined) response.writeHead(status).end();
      else if (type !== undefined) response.writeHead(status, { 'content-type': type }).end(body);
      else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
}

/** Handlers by path. A path without a handler gets 404. */
function handlersOf({
  sink,
  judged,
  verifyAudit,
  confirmAudit,
}: InternalServerOptions): ReadonlyMap<string, Handler> {
  const handlers = new Map<string, Handler>();
  if (sink) {
    const deliver = posted(deliverySchema, async ({ records }, signal) => {
      await sink.deliver(records, signal);
      return { status: 204 };
    });
    handlers.set('/internal/records', atMost(MAX_DELIVERIES, deliver));
  }
  if (judged) {
    const query = posted(judgedQuerySchema, async (asked) => ({
      status: 200,
      body: { images: await judged(asked) },
    }));
    handlers.set('/internal/judged', atMost(MAX_QUERIES, query));
  }
  if (verifyAudit && confirmAudit) {
    const confirm = posted(confirmationSchema, async ({ logs }) => ({
      status: 200,
      body: await confirmAudit(logs),
    }));
    const verify: Handler = async (request, signal) =>
      request.method === 'GET' ? { status: 200, body: await verifyAudit() } : confirm(request, signal);
    handlers.set('/internal/audit', atMost(MAX_VERIFICATIONS, verify));
  }
  return handlers;
}

/** Takes a POST of JSON that fits the schema. */
function posted<S extends z.ZodType>(
  schema: S,
  handle: (value: z.output<S>, signal: AbortSignal) => Promise<Answer>,
): Handler {
  return async (request, signal) => {
    if (request.method !== 'POST') return { status: 405 };
    if (request.headers['content-type'] !== 'application/json') return { status: 415 };
    const body = await bodyOf(request);
    if (body === undefined) return { status: 413 };
    const { success, data } = schema.safeParse(parse(body));
    return success ? handle(data, signal) : { status: 400 };
  };
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  /** Of a body that is text; others are sent as JSON. */
  readonly type?: string;
}

/** A browser says from where each of its requests comes; programs of ours do not (Node sends `sec-fetch-mode` alone). */
function isFromBrowser({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/** Answers 503 beyond so many at once: callers try again. */
function atMost(limit: number, handler: Handler): Handler {
  let running = 0;
  return async (request, signal) => {
    if (running >= limit) return { status: 503 };
    running += 1;
    try {
      return await handler(request, signal);
    } finally {
      running -= 1;
    }
  };
}

/**
 * Undefined when it is larger than any delivery. It is still read to its end, or to the timeout of the server:
 * a caller may look for an answer only once it has written everything.
 */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.byteLength;
    if (bytes <= MAX_BYTES) parts.push(part);
    else parts.length = 0;
  }
  return bytes <= MAX_BYTES ? Buffer.concat(parts).toString('utf8') : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
