import type { handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { MessageTypeDefinition, PackageDefinition } from '@headgate/runtime/proto';
import { toStatus } from '../errors.ts';
import { checkWire, textField, type WireLimits } from './check.ts';
import { wireMessageOf } from './schema.ts';

/** Number of `id` in ModelInferRequest. */
const ID_FIELD = 3;

/** Answers one message with one message. */
export type UnaryHandler = handleUnaryCall<unknown, unknown>;

export interface Service {
  readonly definition: ServiceDefinition;
  /** Handlers of calls of one message each. */
  readonly handlers: Readonly<Record<string, UnaryHandler>>;
}

export interface CheckedServiceOptions {
  /** Where the messages of the service are described. */
  readonly contract: PackageDefinition;
  readonly limits: WireLimits;
  /** Told about each message that was not read. */
  readonly onRefused: (method: string, error: HeadgateError) => void;
}

/** Takes the place of a request that could not be read, since gRPC has no other way to tell its handler. */
export class Unreadable {
  readonly error: HeadgateError;
  readonly #bytes: Uint8Array;

  constructor(error: HeadgateError, bytes: Uint8Array) {
    this.error = error;
    this.#bytes = bytes;
  }

  /** Field `id` of a ModelInferRequest, as far as it can be found; '' otherwise. */
  get id(): string {
    return textField(this.#bytes, ID_FIELD);
  }
}

/**
 * The same service, where a message that must not be read is answered with what is wrong with it. Handlers of streams
 * get an `Unreadable` in its place, and answer it themselves.
 */
export function checkedService(
  { definition, handlers }: Service,
  { contract, limits, onRefused }: CheckedServiceOptions,
): Service {
  const methods = Object.entries(definition).map(([name, method]) => {
    const { requestType } = method as unknown as { requestType: MessageTypeDefinition<object, object> };
    const wire = wireMessageOf(requestType, contract);
    const requestDeserialize = (bytes: Buffer): unknown => {
      try {
        checkWire(bytes, wire, limits);
        return method.requestDeserialize(bytes);
      } catch (thrown) {
        return new Unreadable(toHeadgateError(thrown), bytes);
      }
    };
    return [name, { ...method, requestDeserialize }] as const;
  });
  const checked = Object.entries(handlers).map(([name, handle]) => {
    const answer: UnaryHandler = (call, callback) => {
      const { request } = call;
      if (!(request instanceof Unreadable)) return handle(call, callback);
      onRefused(name, request.error);
      callback(toStatus(request.error));
    };
    return [name, answer] as const;
  });
  return { definition: Object.fromEntries(methods), handlers: Object.fromEntries(checked) };
}
