import type { handleUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { MessageTypeDefinition, PackageDefinition } from '@headgate/runtime/proto';
import { toStatus } from '../errors.ts';
import { checkWire, type WireLimits } from './check.ts';
import { wireMessageOf } from './schema.ts';

export interface Service {
  readonly definition: ServiceDefinition;
  /** All of one message in, one message out. */
  readonly handlers: UntypedServiceImplementation;
}

export interface CheckedServiceOptions {
  /** Where the messages of the service are described. */
  readonly contract: PackageDefinition;
  readonly limits: WireLimits;
  /** Told about each message that was not read. */
  readonly onRefused: (method: string, error: HeadgateError) => void;
}

/** Takes the place of a request that could not be read, since gRPC has no other way to tell its handler. */
class Unreadable {
  readonly error: HeadgateError;

  constructor(error: HeadgateError) {
    this.error = error;
  }
}

/** The same service, where a message that must not be read is answered with what is wrong with it. */
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
        return new Unreadable(toHeadgateError(thrown));
      }
    };
    return [name, { ...method, requestDeserialize }] as const;
  });
  const checked = Object.entries(handlers).map(([name, handler]) => {
    const handle = handler as handleUnaryCall<unknown, unknown>;
    const answer: typeof handle = (call, callback) => {
      const { request } = call;
      if (!(request instanceof Unreadable)) return handle(call, callback);
      onRefused(name, request.error);
      callback(toStatus(request.error));
    };
    return [name, answer] as const;
  });
  return { definition: Object.fromEntries(methods), handlers: Object.fromEntries(checked) };
}
