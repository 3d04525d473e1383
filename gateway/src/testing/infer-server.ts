import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { REASONS, type Reason } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { ModelStreamInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { METADATA, STREAM } from '@headgate/contracts/names';
import { loadInference } from '@headgate/runtime/proto';
import { startFaultProxy } from '@headgate/testkit/fault-proxy';

export interface InferCall {
  readonly request: ModelInferRequest__Output;
  /** What the call carries besides: parameters of a stream, metadata of a unary call. */
  readonly said: Record<string, unknown>;
  onCancel(listener: () => void): void;
}

export interface Failure {
  readonly reason: Reason;
  readonly detail?: string;
  readonly retryAfterMs?: number;
}

export type Answer = (call: InferCall, done: (outcome: ModelInferResponse | Failure) => void) => void;

/** An inference endpoint of a test: a real gRPC server whose answers the test decides. */
export interface InferServer {
  readonly port: number;
  /** How many calls arrived. */
  calls(): number;
  /** Streams that were opened. */
  streams(): number;
  /** Stops or goes on reading the open streams, as a process that hangs and wakes up. */
  setReading(reads: boolean): void;
  /** Resets all connections and takes no more, as a killed process does. */
  kill(): void;
}

type Stream = ServerDuplexStream<ModelInferRequest__Output, ModelStreamInferResponse>;
type Unary = ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>;

/** @param how whether it knows ModelStreamInfer, or ModelInfer alone */
export async function startInferServer(
  answer: Answer,
  how: 'streams' | 'unary' = 'streams',
): Promise<InferServer> {
  let calls = 0;
  let streams = 0;
  const open = new Set<Stream>();
  const count: Answer = (call, done) => {
    calls += 1;
    answer(call, done);
  };
  const server = new Server({ 'grpc.max_receive_message_length': 12 * 2 ** 20 });
  const stream = (rpc: Stream) => {
    streams += 1;
    open.add(rpc);
    rpc.once('close', () => open.delete(rpc));
    serveStream(rpc, count);
  };
  const unary = (rpc: Unary, done: sendUnaryData<ModelInferResponse>) => serveUnary(rpc, done, count);
  server.addService(
    loadInference().GRPCInferenceService.service,
    how === 'streams' ? { ModelStreamInfer: stream } : { ModelInfer: unary },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, found) =>
      error ? reject(error) : resolve(found),
    );
  });
  const proxy = await startFaultProxy(bound);
  const kill = () => {
    proxy.set({ kind: 'reset' });
    proxy.close();
    server.forceShutdown();
  };
  const setReading = (reads: boolean) => {
    for (const rpc of open) reads ? rpc.resume() : rpc.pause();
  };
  return { port: proxy.port, setReading, calls: () => calls, streams: () => streams, kill };
}

function serveStream(rpc: Stream, answer: Answer): void {
  const cancels = new Map<string, () => void>();
  rpc.on('data', (request: ModelInferRequest__Output) => {
    const { id, parameters } = request;
    if (parameters[STREAM.cancel]?.bool_param) return cancels.get(id)?.();
    const values = Object.entries(parameters).map(([name, { parameter_choice, ...choice }]) => [
      name,
      parameter_choice && choice[parameter_choice],
    ]);
    const call: InferCall = {
      request,
      said: Object.fromEntries(values) as Record<string, unknown>,
      onCancel: (listener) => void cancels.set(id, listener),
    };
    answer(call, (outcome) => rpc.write(messageOf(id, outcome)));
  });
  rpc.on('end', () => rpc.end());
  rpc.on('error', () => undefined);
}

function messageOf(id: string, outcome: ModelInferResponse | Failure): ModelStreamInferResponse {
  if (!('reason' in outcome)) return { infer_response: { ...outcome, id } };
  const { reason, detail = 'no', retryAfterMs } = outcome;
  const wait = retryAfterMs === undefined ? {} : { [STREAM.retryAfterMs]: { int64_param: retryAfterMs } };
  const parameters = { [STREAM.reason]: { string_param: reason }, ...wait };
  return { error_message: detail, infer_response: { id, parameters } };
}

function serveUnary(rpc: Unary, done: sendUnaryData<ModelInferResponse>, answer: Answer): void {
  const call: InferCall = {
    request: rpc.request,
    said: { ...rpc.metadata.getMap(), deadlineMs: Number(rpc.getDeadline()) - Date.now() },
    onCancel: (listener) => void rpc.once('cancelled', listener),
  };
  answer(call, (outcome) => {
    if (!('reason' in outcome)) return done(null, outcome);
    const metadata = new Metadata();
    metadata.set(METADATA.reason, outcome.reason);
    done({ code: REASONS[outcome.reason].grpc, details: outcome.detail ?? 'no', metadata });
  });
}
