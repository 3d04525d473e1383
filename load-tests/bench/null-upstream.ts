import { parseArgs } from 'node:util';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import type { HealthCheckResponse } from '@headgate/contracts/gen/grpc/grpc/health/v1/HealthCheckResponse';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadHealth, loadInference } from '@headgate/runtime/proto';

/**
 * An inference server without inference: it answers every ModelInfer with the same five classes after a fixed
 * time, and every health check with SERVING. What a gateway adds on top of it is the gateway's own.
 */
export interface NullUpstream {
  readonly port: number;
  /** Calls answered so far. */
  answered(): number;
  stop(): void;
}

export interface NullUpstreamOptions {
  /** 0 = any free port. */
  readonly port: number;
  /** Answers wait so long, by timer, in ms. 0 answers at once. */
  readonly delayMs: number;
}

const LABELS = ['tabby', 'tiger cat', 'Egyptian cat', 'lynx', 'remote control'];

export async function startNullUpstream({ port, delayMs }: NullUpstreamOptions): Promise<NullUpstream> {
  const server = new Server({
    'grpc.max_receive_message_length': 16 * 2 ** 20,
    // A photo fits into the stream's first window instead of waiting for updates after each 64 KiB.
    'grpc-node.flow_control_window': 2 ** 20,
  });
  const outputs = answer();
  let answered = 0;

  const ModelInfer = (
    call: ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>,
    done: sendUnaryData<ModelInferResponse>,
  ) => {
    const { model_name, model_version, id } = call.request;
    const reply = () => {
      answered += 1;
      done(null, { ...outputs, model_name, model_version, id });
    };
    if (delayMs === 0) reply();
    else setTimeout(reply, delayMs);
  };
  const Check = (_: unknown, done: sendUnaryData<HealthCheckResponse>) => done(null, { status: 'SERVING' });

  server.addService(loadInference().GRPCInferenceService.service, { ModelInfer });
  server.addService(loadHealth().Health.service, { Check });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) =>
      error ? reject(error) : resolve(actual),
    );
  });
  return { port: bound, answered: () => answered, stop: () => server.forceShutdown() };
}

/** Five classes as inference answers them. */
function answer(): ModelInferResponse {
  const k = LABELS.length;
  const scores = Buffer.alloc(4 * k);
  const classes = Buffer.alloc(4 * k);
  LABELS.forEach((_, i) => {
    scores.writeFloatLE(2 ** -(i + 1), 4 * i);
    classes.writeInt32LE(281 + i, 4 * i);
  });
  return {
    parameters: {
      queue_ms: { double_param: 0 },
      decode_ms: { double_param: 0 },
      run_ms: { double_param: 0 },
      batch_size: { int64_param: 1 },
    },
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [1, k] },
      { name: 'score', datatype: 'FP32', shape: [1, k] },
      { name: 'class_id', datatype: 'INT32', shape: [1, k] },
    ],
    raw_output_contents: [encodeBytesTensor(LABELS.map((label) => Buffer.from(label))), scores, classes],
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8444' }, 'delay-ms': { type: 'string', default: '40' } },
  });
  const upstream = await startNullUpstream({
    port: Number(values.port),
    delayMs: Number(values['delay-ms']),
  });
  console.log(JSON.stringify({ port: upstream.port }));
  process.once('SIGTERM', upstream.stop);
}
