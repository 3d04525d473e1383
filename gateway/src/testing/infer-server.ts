import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { loadInference } from '@headgate/runtime/proto';
import { startFaultProxy } from '@headgate/testkit/fault-proxy';

export type InferDone = sendUnaryData<ModelInferResponse>;
export type InferCall = ServerUnaryCall<ModelInferRequest__Output, ModelInferResponse>;

/** An inference endpoint of a test: a real gRPC server whose answers the test decides. */
export interface InferServer {
  readonly port: number;
  /** How many calls arrived. */
  calls(): number;
  /** Resets all connections and takes no more, as a killed process does. */
  kill(): void;
}

export async function startInferServer(
  answer: (call: InferCall, done: InferDone) => void,
): Promise<InferServer> {
  let calls = 0;
  const server = new Server();
  server.addService(loadInference().GRPCInferenceService.service, {
    ModelInfer: (call: InferCall, done: InferDone) => {
      calls += 1;
      answer(call, done);
    },
  });
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
  return { port: proxy.port, calls: () => calls, kill };
}
