import { Server, type ServerOptions } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { InferenceConfig } from '@headgate/contracts/config/schema';
import type { HeadgateError } from '@headgate/contracts/errors';
import type { GRPCInferenceServiceHandlers } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import type { AuditSink } from '@headgate/journal/audit/sink';
import { inferencePackageDefinition, loadHealth, loadInference } from '@headgate/runtime/proto';
import { auditedHandlers } from './audited-handlers.ts';
import type { Health } from './health.ts';
import { checkedService } from './wire/checked-service.ts';

export interface GrpcServerOptions {
  readonly service: GRPCInferenceServiceHandlers;
  readonly health: Health;
  readonly limits: InferenceConfig['limits'];
  readonly connection: InferenceConfig['connection'];
  readonly audit: AuditSink;
  /** Wall clock in ms. */
  readonly epochMs: () => number;
  /** Told about each message that was refused before it was read. */
  readonly onRefused: (method: string, error: HeadgateError) => void;
}

/** Keep-alive pings on idle connections find dead peers, in ms; well above what clients are allowed to send. */
const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/** Registers the inference protocol, health and reflection. */
export function createGrpcServer(options: GrpcServerOptions): Server {
  const { service, health, limits, connection, onRefused } = options;
  const server = new Server(channelOptions(limits, connection));
  const contract = inferencePackageDefinition();
  const inference = { definition: loadInference().GRPCInferenceService.service, handlers: { ...service } };
  const { definition, handlers } = checkedService(inference, { contract, limits, onRefused });
  server.addService(definition, auditedHandlers(handlers, options));
  server.addService(loadHealth().Health.service, health.handlers());
  new ReflectionService(contract).addToServer(server);
  return server;
}

function channelOptions(
  limits: GrpcServerOptions['limits'],
  connection: GrpcServerOptions['connection'],
): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.message_bytes,
    'grpc.max_send_message_length': limits.message_bytes,
    'grpc.max_connection_age_ms': connection.max_age_ms,
    'grpc.max_connection_age_grace_ms': connection.max_age_grace_ms,
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    // Channelz would keep a record of every connection and call for a debugging service that is not offered.
    'grpc.enable_channelz': 0,
  };
}

/** Refuses new calls, lets those in progress finish, and cuts what is left after `timeoutMs`. */
export async function shutDown(server: Server, timeoutMs: number): Promise<void> {
  const finished = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const cut = setTimeout(() => server.forceShutdown(), timeoutMs);
  await finished;
  clearTimeout(cut);
}
