import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelStreamInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { METADATA, STREAM } from '@headgate/contracts/names';
import { type Auditor, type CallEnd, callerOf } from './auditor.ts';
import { unavailable } from './errors.ts';
import { isLeaving } from './http2.ts';
import { type Call, type Infer, MAX_TEXT } from './pipeline.ts';
import { textOf } from './unary-infer.ts';
import { Unreadable } from './wire/checked-service.ts';

export interface InferStreamsOptions {
  readonly infer: Infer;
  /** Deadline of a call that has none, in ms. */
  readonly defaultDeadlineMs: number;
  readonly audit: Auditor;
  /** Told about each message that was not read. */
  readonly onRefused: (method: string, error: HeadgateError) => void;
}

type Message = ModelInferRequest__Output | Unreadable;
type Duplex = ServerDuplexStream<Message, ModelStreamInferResponse>;

const METHOD = 'ModelStreamInfer';
/** Calls in progress on one stream: more than a queue and its engines hold. */
const MAX_CALLS = 1024;
/** When to try again on another stream, in ms. */
const RETRY_MS = 100;

/** All open streams of ModelStreamInfer. */
export class InferStreams {
  readonly #options: InferStreamsOptions;
  readonly #streams = new Set<InferStream>();
  #draining = false;

  constructor(options: InferStreamsOptions) {
    this.#options = options;
  }

  readonly handler: handleBidiStreamingCall<ModelInferRequest__Output, ModelStreamInferResponse> = (call) => {
    const stream = new InferStream(call as Duplex, this.#options);
    this.#streams.add(stream);
    call.once('close', () => this.#streams.delete(stream));
    if (this.#draining) stream.drain();
  };

  /** Refuses new calls; each stream ends once its calls in progress are answered. */
  drain(): void {
    this.#draining = true;
    for (const stream of this.#streams) stream.drain();
  }
}

/** One stream: messages in, each a call of its own or the cancelling of one; answers out, as they come. */
class InferStream {
  readonly #stream: Duplex;
  readonly #options: InferStreamsOptions;
  readonly #peer: string | undefined;
  /** Opened through the listener for outside callers, whose metadata Envoy has cleaned. */
  readonly #isOutside: boolean;
  readonly #live = new Set<AbortController>();
  /** Live calls that have an id. */
  readonly #byId = new Map<string, AbortController>();
  #draining = false;
  #halfClosed = false;

  constructor(stream: Duplex, options: InferStreamsOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#peer = callerOf(stream.metadata);
    this.#isOutside = stream.metadata.get(METADATA.clientCertificate).length > 0;
    stream.on('data', (message: Message) => void this.#receive(message));
    stream.on('drain', () => stream.resume());
    stream.once('end', () => {
      this.#halfClosed = true;
      this.#endIfDone();
    });
    stream.once('cancelled', () => this.#abandon());
    stream.once('error', () => this.#abandon());
  }

  drain(): void {
    this.#draining = true;
    this.#endIfDone();
  }

  async #receive(message: Message): Promise<void> {
    if (message instanceof Unreadable) {
      this.#options.onRefused(METHOD, message.error);
      this.#fail(message.id, message.error);
      this.#begin()?.(endOf(message.error));
      return;
    }
    if (message.parameters[STREAM.cancel]?.bool_param === true && message.inputs.length === 0) {
      this.#byId.get(message.id)?.abort();
      return;
    }
    await this.#answer(message);
    this.#endIfDone();
  }

  async #answer(request: ModelInferRequest__Output): Promise<void> {
    const { id } = request;
    const refusal = this.#refusalOf(id);
    const controller = new AbortController();
    const call = this.#callOf(request, controller.signal);
    const record = this.#begin(call.requestId);
    if (!refusal) {
      this.#live.add(controller);
      if (id !== '') this.#byId.set(id, controller);
    }
    try {
      const infer_response = await this.#options.infer({ ...call, refusal });
      this.#forget(id, controller);
      this.#send({ infer_response });
      record?.();
    } catch (thrown) {
      const error = toHeadgateError(thrown);
      this.#forget(id, controller);
      this.#fail(id, error);
      record?.(endOf(error));
    }
  }

  #forget(id: string, controller: AbortController): void {
    if (this.#live.delete(controller)) this.#byId.delete(id);
  }

  #refusalOf(id: string): HeadgateError | undefined {
    if (this.#isEnding) return unavailable('This stream is ending; please use another one.', RETRY_MS);
    if (this.#byId.has(id)) {
      return new HeadgateError('invalid_request', 'id: expected no call in progress with the same id.');
    }
    if (this.#live.size < MAX_CALLS) return undefined;
    const detail = `This stream has ${MAX_CALLS} calls in progress; please try again later.`;
    return new HeadgateError('overloaded', detail, { retryAfterMs: RETRY_MS });
  }

  /** What Envoy removes from the metadata of outside callers does not count in their parameters either. */
  #callOf(request: ModelInferRequest__Output, signal: AbortSignal): Call {
    const { parameters } = request;
    const own = (name: string) => (this.#isOutside ? undefined : parameters[name]?.string_param);
    const shared = (name: string) => textOf(this.#stream.metadata, name);
    return {
      request,
      signal,
      remainingMs: parameters[STREAM.deadlineMs]?.int64_param ?? this.#options.defaultDeadlineMs,
      tenant: own(STREAM.tenant),
      requestId: (own(STREAM.requestId) ?? shared(METADATA.requestId))?.slice(0, MAX_TEXT),
      prediction: own(STREAM.prediction)?.slice(0, MAX_TEXT),
      variant: own(STREAM.variant)?.slice(0, MAX_TEXT),
      traceparent: parameters[STREAM.traceparent]?.string_param ?? shared(METADATA.traceparent),
      peer: this.#peer,
    };
  }

  #fail(id: string, { detail, reason, retryAfterMs }: HeadgateError): void {
    const parameters = {
      [STREAM.reason]: { string_param: reason },
      ...(retryAfterMs !== undefined && { [STREAM.retryAfterMs]: { int64_param: Math.ceil(retryAfterMs) } }),
    };
    this.#send({ error_message: detail, infer_response: { id, parameters } });
  }

  /** A caller that does not read its answers is not read either, until it has. */
  #send(answer: ModelStreamInferResponse): void {
    if (!this.#stream.writable) return;
    if (!this.#stream.write(answer)) this.#stream.pause();
  }

  #begin(requestId?: string): ReturnType<Auditor['begin']> {
    if (!this.#isOutside) return undefined;
    return this.#options.audit.begin(METHOD, this.#stream.metadata, requestId);
  }

  get #isEnding(): boolean {
    return this.#draining || isLeaving(this.#stream);
  }

  #endIfDone(): void {
    if (this.#live.size === 0 && (this.#halfClosed || this.#isEnding)) this.#stream.end();
  }

  #abandon(): void {
    for (const controller of this.#live) controller.abort();
  }
}

function endOf({ grpcCode, reason }: HeadgateError): CallEnd {
  return { code: grpcCode, reason };
}
