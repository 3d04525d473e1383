import { type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { ModelStreamInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { STREAM } from '@headgate/contracts/names';
import { formatTraceparent } from '@headgate/contracts/trace-context';
import { loadInference } from '@headgate/runtime/proto';
import { failureOf, fromStreamAnswer } from './failure.ts';
import type { SentContext } from './inference.ts';

/** The server does not know ModelStreamInfer. */
export class NoStreams extends Error {}

interface StreamOptions {
  /** Largest message, in bytes. */
  readonly messageBytes: number;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Calls in progress on one stream, at most: as many as inference accepts. */
const MAX_CALLS = 1024;

interface Call {
  /** Takes the call's listener back from its deadline. */
  readonly release: () => void;
  readonly resolve: (response: ModelInferResponse__Output) => void;
  readonly reject: (error: Error) => void;
}

/** Many calls on one long-lived ModelStreamInfer, told apart by a number of our own in `id`. */
export class InferStream {
  readonly #rpc: ClientDuplexStream<Buffer, ModelStreamInferResponse__Output>;
  readonly #method = loadInference().GRPCInferenceService.service.ModelStreamInfer;
  readonly #calls = new Map<string, Call>();
  /** Messages of calls that wait until the server reads again: those that are over by then are never sent. */
  readonly #unsent = new Map<string, Buffer>();
  readonly #messageBytes: number;
  #lastId = 0;
  #isEnding = false;

  /** @param onEnd the stream is over, also when the server ended it */
  constructor(
    client: GRPCInferenceServiceClient,
    { messageBytes, metadata }: StreamOptions,
    onEnd: () => void,
  ) {
    this.#messageBytes = messageBytes;
    const { path, responseDeserialize } = this.#method;
    this.#rpc = client.makeBidiStreamRequest(
      path,
      asIs,
      responseDeserialize,
      Metadata.fromHttp2Headers(metadata ?? {}),
    );
    this.#rpc.on('data', (answer: ModelStreamInferResponse__Output) => this.#settle(answer));
    this.#rpc.on('drain', () => this.#sendMore());
    // The status follows, and says the same.
    this.#rpc.on('error', () => undefined);
    this.#rpc.on('status', (end: ServiceError) => {
      onEnd();
      this.#fail(end);
    });
  }

  get outstanding(): number {
    return this.#calls.size;
  }

  /** @throws HeadgateError, or NoStreams */
  infer(request: ModelInferRequest, context: SentContext): Promise<ModelInferResponse__Output> {
    const { deadline } = context;
    return new Promise((resolve, reject) => {
      if (deadline.over) return reject(deadline.over);
      if (this.#calls.size >= MAX_CALLS) return reject(failureOf('overloaded', new Error('stream is full')));
      const id = String(++this.#lastId);
      const parameters = parametersOf(request, context);
      const message = this.#method.requestSerialize({ ...request, id, parameters });
      // gRPC would end the whole stream.
      if (message.byteLength > this.#messageBytes) return reject(tooLarge(this.#messageBytes));
      const release = deadline.onOver((why) => {
        if (!this.#calls.has(id)) return;
        // First: without its last call a stream that is ending takes no more messages.
        if (!this.#unsent.delete(id)) this.#cancelCall(id);
        this.#take(id)?.reject(why);
      });
      this.#calls.set(id, { release, resolve, reject });
      this.#unsent.set(id, message);
      if (!this.#rpc.writableNeedDrain) this.#sendMore();
    });
  }

  /** Takes no more calls, and ends after those in progress. */
  end(): void {
    this.#isEnding = true;
    if (this.#calls.size === 0) this.#rpc.end();
  }

  /** Ends at once. */
  cancel(): void {
    this.#rpc.cancel();
  }

  #sendMore(): void {
    for (const [id, message] of this.#unsent) {
      this.#unsent.delete(id);
      if (!this.#rpc.writable || !this.#rpc.write(message)) return;
    }
  }

  #cancelCall(id: string): void {
    const cancel = { id, parameters: { [STREAM.cancel]: { bool_param: true } } };
    if (this.#rpc.writable) this.#rpc.write(this.#method.requestSerialize(cancel));
  }

  #take(id: string): Call | undefined {
    const call = this.#calls.get(id);
    if (!call) return undefined;
    this.#calls.delete(id);
    call.release();
    if (this.#isEnding && this.#calls.size === 0) this.#rpc.end();
    return call;
  }

  /** An answer to a call that was cancelled meanwhile has no taker. */
  #settle(answer: ModelStreamInferResponse__Output): void {
    const { error_message, infer_response } = answer;
    const call = this.#take(infer_response?.id ?? '');
    if (error_message !== '') call?.reject(fromStreamAnswer(answer));
    else if (infer_response) call?.resolve(infer_response);
  }

  #fail(end: ServiceError): void {
    const cause = Object.assign(new Error(end.details), { code: end.code });
    const error =
      end.code === status.UNIMPLEMENTED ? new NoStreams(end.details) : failureOf('unavailable', cause);
    this.#unsent.clear();
    for (const id of [...this.#calls.keys()]) this.#take(id)?.reject(error);
  }
}

const asIs = (message: Buffer) => message;

/** A caller of /v2 chooses parameters too; it must not speak in our name. */
const OUR_NAMES: ReadonlySet<string> = new Set(Object.values(STREAM));

function parametersOf({ parameters = {} }: ModelInferRequest, context: SentContext) {
  const { requestId, prediction, tenant, variant, trace, deadline } = context;
  return {
    ...Object.fromEntries(Object.entries(parameters).filter(([name]) => !OUR_NAMES.has(name))),
    [STREAM.deadlineMs]: { int64_param: Math.max(1, Math.ceil(deadline.remainingMs())) },
    [STREAM.requestId]: { string_param: requestId },
    ...(prediction !== undefined && { [STREAM.prediction]: { string_param: prediction } }),
    [STREAM.traceparent]: { string_param: formatTraceparent(trace) },
    ...(tenant !== null && { [STREAM.tenant]: { string_param: tenant } }),
    ...(variant !== null && { [STREAM.variant]: { string_param: variant } }),
  };
}

function tooLarge(messageBytes: number): HeadgateError {
  return new HeadgateError(
    'body_too_large',
    `The tensors of a request may have at most ${messageBytes} bytes.`,
  );
}
