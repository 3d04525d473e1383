import { type ChannelOptions, connectivityState, credentials } from '@grpc/grpc-js';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { loadInference } from '@headgate/runtime/proto';
import type { SentContext } from './inference.ts';
import { InferStream, NoStreams } from './stream.ts';
import { type Method, unaryCall } from './unary.ts';

export interface ConnectionOptions {
  /** Largest message either way, in bytes. */
  readonly messageBytes: number;
  /** Calls move to a new connection after this time, in ms: before the server ends the old one by its age. */
  readonly renewMs: number;
  /** Sent once with each stream and each unary call. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A lost connection is tried again quickly: readiness, not backoff, keeps traffic away from an endpoint that is down. */
export function channelOptions(messageBytes: number): ChannelOptions {
  return {
    // Each client has a connection of its own; the global pool would fold them into one.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    // A retry of the library would keep a copy of each message; attempts are ours to make.
    'grpc.enable_retries': 0,
    'grpc.max_send_message_length': messageBytes,
    // A message over the limit would end the stream, and all calls on it; inference bounds its own answers.
    'grpc.max_receive_message_length': -1,
    // A large answer does not wait for updates after each 64 KiB.
    'grpc-node.flow_control_window': 2 ** 20,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 5000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
  };
}

/** One HTTP/2 connection to an endpoint: a stream for inference, opened when it is first needed, and unary calls. */
export class Connection {
  readonly #client: GRPCInferenceServiceClient;
  readonly #options: ConnectionOptions;
  readonly #renewAtMs: number;
  #stream: InferStream | undefined;
  #isRetired = false;

  constructor(address: string, options: ConnectionOptions) {
    const { GRPCInferenceService } = loadInference();
    this.#client = new GRPCInferenceService(
      address,
      credentials.createInsecure(),
      channelOptions(options.messageBytes),
    );
    this.#options = options;
    this.#renewAtMs = performance.now() + options.renewMs;
  }

  get outstanding(): number {
    return this.#stream?.outstanding ?? 0;
  }

  get isDue(): boolean {
    return performance.now() >= this.#renewAtMs;
  }

  /** False while it is lost and not back yet. */
  get isUp(): boolean {
    const state = this.#client.getChannel().getConnectivityState(false);
    return state === connectivityState.READY || state === connectivityState.IDLE;
  }

  infer(request: ModelInferRequest, context: SentContext): Promise<ModelInferResponse__Output> {
    this.#stream ??= this.#open();
    return this.#stream.infer(request, context);
  }

  unary<Response>(context: SentContext, method: Method<Response>): Promise<Response> {
    return unaryCall(this.#client, method, { context, metadata: this.#options.metadata });
  }

  /** Takes no more calls, and closes after those in progress. */
  retire(): void {
    this.#isRetired = true;
    if (this.#stream) this.#stream.end();
    else this.#client.close();
  }

  close(): void {
    this.#stream?.cancel();
    this.#client.close();
  }

  #open(): InferStream {
    const stream = new InferStream(this.#client, this.#options, () => {
      if (this.#stream === stream) this.#stream = undefined;
      if (this.#isRetired) this.#client.close();
      // Connects again at once, so that `isUp` tells.
      else this.#client.getChannel().getConnectivityState(true);
    });
    return stream;
  }
}

/** Two: a large photo on one does not hold up those on the other. */
const CONNECTIONS = 2;

/** The connections to one endpoint. */
export class Pool {
  readonly #open: () => Connection;
  readonly #connections: Connection[];
  /** The server does not know streams (a Triton backend without them, another server): each call is unary. */
  #isUnary = false;
  #isUsed = false;
  #turn = 0;

  constructor(address: string, options: ConnectionOptions) {
    this.#open = () => new Connection(address, options);
    this.#connections = Array.from({ length: CONNECTIONS }, this.#open);
  }

  get outstanding(): number {
    return this.#connections.reduce((sum, { outstanding }) => sum + outstanding, 0);
  }

  get isUp(): boolean {
    return this.#connections.some(({ isUp }) => isUp);
  }

  async infer(request: ModelInferRequest, context: SentContext): Promise<ModelInferResponse__Output> {
    try {
      if (!this.#isUnary) return await this.#next().infer(request, context);
    } catch (error) {
      if (!(error instanceof NoStreams)) throw error;
      this.#isUnary = true;
    }
    return this.unary(context, (client, ...rest) => client.ModelInfer(request, ...rest));
  }

  unary<Response>(context: SentContext, method: Method<Response>): Promise<Response> {
    return this.#next().unary(context, method);
  }

  /** Whether calls came since the last time. */
  takeUsed(): boolean {
    const used = this.#isUsed;
    this.#isUsed = false;
    return used;
  }

  /** Takes no more calls, and closes after those in progress. */
  retire(): void {
    for (const connection of this.#connections) connection.retire();
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** The one with the fewest calls in progress among those that are up; equals take turns. */
  #next(): Connection {
    this.#isUsed = true;
    this.#turn = (this.#turn + 1) % CONNECTIONS;
    let best = this.#turn;
    for (let i = 0; i < CONNECTIONS; i += 1) {
      const [one, other] = [this.#connections[i], this.#connections[best]] as [Connection, Connection];
      if (one.isUp === other.isUp ? one.outstanding < other.outstanding : one.isUp) best = i;
    }
    return this.#renewed(best);
  }

  #renewed(index: number): Connection {
    const connection = this.#connections[index] as Connection;
    if (!connection.isDue) return connection;
    const fresh = this.#open();
    this.#connections[index] = fresh;
    connection.retire();
    return fresh;
  }
}
