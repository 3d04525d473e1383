import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as InferenceTypes } from '@headgate/contracts/gen/grpc/grpc_service';
import type { ProtoGrpcType as HealthTypes } from '@headgate/contracts/gen/grpc/health';

export type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';

/**
 * The gRPC contract, loaded from `protos/` and typed by generated types. The relative path holds for the
 * source (runtime/src) and for the bundles (gateway/dist, inference/dist) alike: both lie two levels deep.
 */
const PROTO_DIR = fileURLToPath(new URL('../../protos/', import.meta.url));

/** The options with which the types in `gen/` were generated; the two must not differ. */
const OPTIONS: Options = {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [PROTO_DIR],
};

/** Read from disk once: clients are made while requests are served. */
let inference: InferenceTypes | undefined;
let health: HealthTypes | undefined;

/** Raw definition, for reflection. */
export function inferencePackageDefinition(): PackageDefinition {
  return loadSync('inference/grpc_service.proto', OPTIONS);
}

/** Client and service definition of `inference.GRPCInferenceService`. */
export function loadInference(): InferenceTypes['inference'] {
  inference ??= loadPackageDefinition(inferencePackageDefinition()) as unknown as InferenceTypes;
  return inference.inference;
}

/** Client and service definition of `grpc.health.v1.Health`. */
export function loadHealth(): HealthTypes['grpc']['health']['v1'] {
  health ??= loadPackageDefinition(
    loadSync('grpc/health/v1/health.proto', OPTIONS),
  ) as unknown as HealthTypes;
  return health.grpc.health.v1;
}
