import {
  type handleUnaryCall,
  type Metadata,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { isReason } from '@headgate/contracts/errors';
import { HEADER, INFERENCE_SERVICE, METADATA } from '@headgate/contracts/names';
import type { AuditSink, ChangeAction } from '@headgate/journal/audit/sink';
import { callerOf } from './caller.ts';
import { toStatus } from './errors.ts';

export interface AuditedHandlersOptions {
  readonly audit: AuditSink;
  /** Wall clock in ms. */
  readonly epochMs: () => number;
}

/** Calls that change what others get: they begin only once it is on record that they were attempted. */
const CHANGES: Readonly<Record<string, ChangeAction>> = {
  RepositoryModelLoad: 'model.load',
  RepositoryModelUnload: 'model.unload',
};

/** Most characters of a model's name in the log. */
const MAX_NAME = 128;

type Handler = handleUnaryCall<unknown, unknown>;

/**
 * The same calls, each on record with the client certificate that it came with, refused ones included. Calls of the
 * gateway carry none: it has put them on record itself, by whom it knows.
 */
export function auditedHandlers(
  handlers: UntypedServiceImplementation,
  options: AuditedHandlersOptions,
): UntypedServiceImplementation {
  const audited = Object.entries(handlers).map(([name, handler]) => [
    name,
    auditedHandler(name, handler as Handler, options),
  ]);
  return Object.fromEntries(audited);
}

function auditedHandler(name: string, handle: Handler, { audit, epochMs }: AuditedHandlersOptions): Handler {
  const action = CHANGES[name];

  const attempt = async (keyId: string, metadata: Metadata, request: unknown): Promise<void> => {
    if (action === undefined) return;
    const { model_name: model = '' } = request as { readonly model_name?: string };
    await audit.change({
      atMs: epochMs(),
      keyId,
      action,
      outcome: 'attempted',
      detail: { model: String(model).slice(0, MAX_NAME) },
      requestId: textOf(metadata, METADATA.requestId),
    });
  };

  return (call, callback) => {
    const caller = callerOf(call.metadata);
    if (caller === undefined) return handle(call, callback);
    const keyId = `cert:${caller}`;
    const atMs = epochMs();
    let isAnswered = false;
    const answer: typeof callback = (error, ...rest) => {
      if (isAnswered) return;
      isAnswered = true;
      const reason = error?.metadata && textOf(error.metadata, METADATA.reason);
      audit.record({
        atMs,
        requestId: textOf(call.metadata, METADATA.requestId) ?? '',
        keyId,
        address: textOf(call.metadata, HEADER.forwardedFor),
        method: 'GRPC',
        route: `/${INFERENCE_SERVICE}/${name}`,
        status: error ? (error.code ?? status.UNKNOWN) : status.OK,
        reason: reason !== undefined && isReason(reason) ? reason : undefined,
      });
      callback(error, ...rest);
    };
    // A handler that throws is out of the reach of the server, which would have answered for it.
    attempt(keyId, call.metadata, call.request)
      .then(() => handle(call, answer))
      .catch((thrown) => answer(toStatus(thrown)));
  };
}

/** What callers say is cut before it is kept. */
function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return value === undefined ? undefined : String(value).slice(0, MAX_NAME);
}
