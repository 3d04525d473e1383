import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { decodeBytesTensor, encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadHealth, loadInference } from '@headgate/runtime/proto';

/** A loopback gRPC client of the Open Inference Protocol and of grpc.health.v1. */
export interface GrpcClient {
  infer(call: InferCall): Promise<Inference>;
  /** Serving status of `service`, '' for the server as a whole. */
  health(service?: string): Promise<string>;
  close(): void;
}

interface InferCall {
  readonly model: string;
  /** Empty: the control version. */
  readonly version?: string;
  readonly image: Uint8Array;
  readonly metadata?: Readonly<Record<string, string>>;
  /** In ms from now. */
  readonly deadlineMs?: number;
}

interface Inference {
  readonly version: string;
  readonly labels: readonly string[];
  readonly scores: readonly number[];
  readonly classIds: readonly number[];
}

/** gRPC messages may hold a whole 10 MiB photo. */
const MESSAGE_BYTES = 16 * 1024 * 1024;

export function grpcClient(
  address: string,
  creds: ChannelCredentials = credentials.createInsecure(),
): GrpcClient {
  const options = { 'grpc.max_send_message_length': MESSAGE_BYTES, 'grpc.enable_retries': 0 };
  const inference = new (loadInference().GRPCInferenceService)(address, creds, options);
  const health = new (loadHealth().Health)(address, creds, options);
  return {
    infer: (call) =>
      new Promise((resolve, reject) => {
        inference.ModelInfer(
          request(call),
          metadataOf(call.metadata ?? {}),
          { deadline: Date.now() + (call.deadlineMs ?? 10_000) },
          (error, response) => (response ? resolve(parse(response)) : reject(error as ServiceError)),
        );
      }),
    health: (service = '') =>
      new Promise((resolve, reject) => {
        health.Check({ service }, new Metadata(), { deadline: Date.now() + 10_000 }, (error, response) =>
          response ? resolve(response.status) : reject(error as ServiceError),
        );
      }),
    close: () => {
      inference.close();
      health.close();
    },
  };
}

/** Credentials of the mTLS listener; without `client` only the server shows a certificate. */
export function tlsCredentials(ca: string, client?: { cert: string; key: string }): ChannelCredentials {
  if (!client) return credentials.createSsl(readFileSync(ca));
  return credentials.createSsl(readFileSync(ca), readFileSync(client.key), readFileSync(client.cert));
}

function request({ model, version = '', image }: InferCall) {
  return {
    model_name: model,
    model_version: version,
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
    raw_input_contents: [encodeBytesTensor([image])],
  };
}

function metadataOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

function parse(response: ModelInferResponse__Output): Inference {
  const block = (name: string) => {
    const index = response.outputs.findIndex((output) => output.name === name);
    const raw = response.raw_output_contents[index];
    if (!raw) throw new Error(`the answer has no output ${name}`);
    return { raw, count: Number(response.outputs[index]?.shape.at(-1)) };
  };
  const { raw: labels, count } = block('label');
  const scores = block('score').raw;
  const classIds = block('class_id').raw;
  const indices = Array.from({ length: count }, (_, index) => index);
  return {
    version: response.model_version,
    labels: decodeBytesTensor(labels, count).map((bytes) => Buffer.from(bytes).toString()),
    scores: indices.map((index) => scores.readFloatLE(index * 4)),
    classIds: indices.map((index) => classIds.readInt32LE(index * 4)),
  };
}
