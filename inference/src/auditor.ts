import { type handleUnaryCall, type Metadata, status } from '@grpc/grpc-js';
import { isReason, type Reason } from '@headgate/contracts/errors';
import { HEADER, INFERENCE_SERVICE, METADATA } from '@headgate/contracts/names';
import type { AuditSink, ChangeAction } from '@headgate/journal/audit/sink';
import { toStatus } from './errors.ts';

export interface AuditorOptions {
  readonly audit: AuditSink;
  /** Wall clock in ms. */
  readonly epochMs: () => number;
}

/** Calls that change what others get: each is recorded as attempted before it begins. */
const CHANGES: Readonly<Record<string, ChangeAction>> = {
  RepositoryModelLoad: 'model.load',
  RepositoryModelUnload: 'model.unload',
};

/** Most characters of a model's name in the log. */
const MAX_NAME = 128;

type Handler = handleUnaryCall<unknown, unknown>;

/** How a call ended: nothing where it succeeded. */
export interface CallEnd {
  readonly code?: number | null | undefined;
  readonly reason: Reason | undefined;
}

/**
 * Records calls that came with a client certificate, refused ones included. The gateway has none: it audits its own
 * calls.
 */
export class Auditor {
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** A call begins. @returns records how it ended; undefined for calls that are not recorded here */
  begin(name: string, metadata: Metadata, requestId = ''): ((end?: CallEnd) => void) | undefined {
    const keyId = keyIdOf(metadata);
    if (keyId === undefined) return undefined;
    const { audit, epochMs } = this.#options;
    const atMs = epochMs();
    return (end) =>
      audit.record({
        atMs,
        requestId: requestId.slice(0, MAX_NAME),
        keyId,
        address: textOf(metadata, HEADER.forwardedFor),
        method: 'GRPC',
        route: `/${INFERENCE_SERVICE}/${name}`,
        status: end ? (end.code ?? status.UNKNOWN) : status.OK,
        reason: end?.reason,
      });
  }

  /** The same handlers, each call recorded. */
  audited(handlers: Readonly<Record<string, Handler>>): Record<string, Handler> {
    const audited = Object.entries(handlers).map(([name, handle]) => [name, this.#audited(name, handle)]);
    return Object.fromEntries(audited);
  }

  #audited(name: string, handle: Handler): Handler {
    return (call, callback) => {
      const { metadata } = call;
      const record = this.begin(name, metadata, textOf(metadata, METADATA.requestId));
      if (!record) return handle(call, callback);
      let isAnswered = false;
      const answer: typeof callback = (error, ...rest) => {
        if (isAnswered) return;
        isAnswered = true;
        const reason = error?.metadata && textOf(error.metadata, METADATA.reason);
        record(error ? { code: error.code, reason: isReason(reason) ? reason : undefined } : undefined);
        callback(error, ...rest);
      };
      // A handler that throws is out of the reach of the server, which would have answered for it.
      this.#attempt(name, call)
        .then(() => handle(call, answer))
        .catch((thrown) => answer(toStatus(thrown)));
    };
  }

  async #attempt(name: string, { metadata, request }: Parameters<Handler>[0]): Promise<void> {
    const action = CHANGES[name];
    const keyId = keyIdOf(metadata);
    if (action === undefined || keyId === undefined) return;
    const { audit, epochMs } = this.#options;
    const { model_name: model = '' } = request as { readonly model_name?: string };
    await audit.change({
      atMs: epochMs(),
      keyId,
      action,
      outcome: 'attempted',
      detail: { model: String(model).slice(0, MAX_NAME) },
      requestId: textOf(metadata, METADATA.requestId),
    });
  }
}

function keyIdOf(metadata: Metadata): string | undefined {
  const caller = callerOf(metadata);
  return caller === undefined ? undefined : `cert:${caller}`;
}

/** What callers say is cut before it is kept. */
function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return value === undefined ? undefined : String(value).slice(0, MAX_NAME);
}

/** Longer names are cut: they go into logs. */
const MAX_CALLER = 256;

/**
 * Name in the client certificate of the caller, as Envoy's internal listener verified it: its URI, else its first DNS
 * name, else its subject, else its digest. Undefined for calls that did not come through it, such as those of the gateway.
 *
 * The internal listener replaces what a client sends under this name (`SANITIZE_SET`), and calls that did not come from
 * Envoy or the gateway are refused (`callers-with.ts`): nobody else can claim a name.
 */
export function callerOf(metadata: Metadata): string | undefined {
  const [value] = metadata.get(METADATA.clientCertificate);
  if (typeof value !== 'string') return undefined;
  const fields = fieldsOf(value);
  const name = fields.get('URI') || fields.get('DNS') || fields.get('Subject') || fields.get('Hash');
  return name?.slice(0, MAX_CALLER);
}

/** `Key=value` or `Key="quoted \" value"`, between semicolons; the first of each key counts. */
const FIELD = /(?:^|;)([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,"]*))/g;

function fieldsOf(header: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, key, quoted, plain] of header.matchAll(FIELD)) {
    if (key === undefined || fields.has(key)) continue;
    fields.set(key, quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return fields;
}
