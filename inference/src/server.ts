import { Server, type ServerOptions } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { InferenceConfig } from '@headgate/contracts/config/schema';
import type { HeadgateError } from '@headgate/contracts/errors';
import { CONNECTION_AGE_MS } from '@headgate/contracts/limits';
import type { TimerClock } from '@headgate/runtime/clock';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { inferencePackageDefinition, loadHealth, loadInference } from '@headgate/runtime/proto';
import type { Auditor } from './auditor.ts';
import { callersWith } from './callers-with.ts';
import type { Health } from './health.ts';
import { widenWindows } from './http2.ts';
import type { UnaryHandlers } from './service.ts';
import type { InferStreams } from './stream-infer.ts';
import { WIRE_LIMITS } from './wire/check.ts';
import { checkedService, type UnaryHandler } from './wire/checked-service.ts';

export interface GrpcServerOptions {
  readonly service: UnaryHandlers;
  readonly streams: InferStreams;
  readonly health: Health;
  readonly limits: InferenceConfig['limits'];
  readonly audit: Auditor;
  /** What callers show, unless they ask for health or the schema; absent: nothing. */
  readonly secret?: InternalSecret | undefined;
  /** Told about each message that was refused before it was read. */
  readonly onRefused: (method: string, error: HeadgateError) => void;
}

/** Keep-alive pings on idle connections find dead peers, in ms; well above what clients are allowed to send. */
const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/** Registers the inference protocol, health and reflection. */
export function createGrpcServer(options: GrpcServerOptions): Server {
  const { service, streams, health, limits, audit, secret, onRefused } = options;
  const interceptors = secret ? [callersWith(secret, onRefused)] : [];
  const server = new Server({ ...channelOptions(limits), interceptors });
  widenWindows(server);
  const contract = inferencePackageDefinition();
  const unary = { ...service } as unknown as Record<string, UnaryHandler>;
  const inference = { definition: loadInference().GRPCInferenceService.service, handlers: unary };
  const { definition, handlers } = checkedService(inference, { contract, limits: WIRE_LIMITS, onRefused });
  server.addService(definition, { ...audit.audited(handlers), ModelStreamInfer: streams.handler });
  server.addService(loadHealth().Health.service, health.handlers());
  new ReflectionService(contract).addToServer(server);
  return server;
}

function channelOptions(limits: GrpcServerOptions['limits']): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.message_bytes,
    'grpc.max_send_message_length': limits.message_bytes,
    'grpc.max_connection_age_ms': CONNECTION_AGE_MS.max,
    'grpc.max_connection_age_grace_ms': CONNECTION_AGE_MS.grace,
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

export interface DrainOptions {
  /** Makes health say that it is not ready. */
  readonly announce: () => void;
  /** Time for load balancers to notice, in ms, in which everything is answered as before. */
  readonly delayMs: number;
  /** Takes nothing more, and finishes what was accepted. */
  readonly close: () => Promise<void>;
  readonly clock: TimerClock;
}

/** The order in which a server stops: not ready first, then a delay in which it goes on serving, then it closes. */
export async function drain({ announce, delayMs, close, clock }: DrainOptions): Promise<void> {
  announce();
  await new Promise<void>((resolve) => clock.after(delayMs, resolve));
  await close();
}
