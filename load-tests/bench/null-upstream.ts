/**
 * An inference server without inference: it answers every call with the same five classes after a fixed time, and
 * every health check with SERVING. What a gateway adds on top of it is the gateway's own. Prints its port.
 */
import { parseArgs } from 'node:util';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { HealthCheckResponse } from '@headgate/contracts/gen/grpc/grpc/health/v1/HealthCheckResponse';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { ModelStreamInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadHealth, loadInference } from '@headgate/runtime/proto';

const { values } = parseArgs({ options: { 'delay-ms': { type: 'string', default: '40' } } });
const delayMs = Number(values['delay-ms']);
const LABELS = ['tabby', 'tiger cat', 'Egyptian cat', 'lynx', 'remote control'];
const OUTPUTS = outputs();

/** Five classes as inference answers them. */
function outputs(): ModelInferResponse {
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

function answerTo(
  { model_name, model_version, id }: ModelInferRequest__Output,
  reply: (answer: ModelInferResponse) => void,
): void {
  setTimeout(() => reply({ ...OUTPUTS, model_name, model_version, id }), delayMs);
}

type Unary = ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>;
type Stream = ServerDuplexStream<ModelInferRequest__Output, ModelStreamInferResponse>;

const server = new Server({
  'grpc.max_receive_message_length': 16 * 2 ** 20,
  // A photo fits into the stream's first window instead of waiting for updates after each 64 KiB.
  'grpc-node.flow_control_window': 2 ** 20,
});
server.addService(loadInference().GRPCInferenceService.service, {
  ModelInfer: (call: Unary, done: sendUnaryData<ModelInferResponse>) =>
    answerTo(call.request, (answer) => done(null, answer)),
  ModelStreamInfer: (stream: Stream) => {
    stream.on('data', (request: ModelInferRequest__Output) =>
      answerTo(request, (infer_response) => void stream.write({ error_message: '', infer_response })),
    );
    stream.once('end', () => setTimeout(() => stream.end(), delayMs));
  },
});
server.addService(loadHealth().Health.service, {
  Check: (_: unknown, done: sendUnaryData<HealthCheckResponse>) => done(null, { status: 'SERVING' }),
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ port }));
});
process.once('SIGTERM', () => server.forceShutdown());
