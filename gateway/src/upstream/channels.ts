import { type ChannelOptions, credentials } from '@grpc/grpc-js';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import { loadInference } from '@headgate/runtime/proto';

export interface ChannelsOptions {
  /** As grpc-js wants it: `ip:port` or `dns:///name:port`. */
  readonly target: string;
  /** HTTP/2 connections to each endpoint. One is a single queue of frames; several use the kernel in parallel. */
  readonly count: number;
  /** Largest message either way, in bytes. */
  readonly messageBytes: number;
}

/** Several connections that share the calls. */
export interface Channels {
  /** Runs one call on the connection with the fewest calls in progress. */
  run<T>(call: (client: GRPCInferenceServiceClient) => Promise<T>): Promise<T>;
  /** Calls in progress. */
  outstanding(): number;
  close(): void;
}

/**
 * Calls spread over all addresses of the name (decision D8). A lost connection is tried again quickly: readiness,
 * not backoff, keeps traffic away from an endpoint that is down.
 */
export function channelOptions(messageBytes: number): ChannelOptions {
  return {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.service_config_disable_resolution': 1,
    // Each channel has its own connection; the global pool would fold them into one.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    'grpc.max_send_message_length': messageBytes,
    'grpc.max_receive_message_length': messageBytes,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 5000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.dns_min_time_between_resolutions_ms': 1000,
  };
}

export function openChannels({ target, count, messageBytes }: ChannelsOptions): Channels {
  const { GRPCInferenceService } = loadInference();
  const channels = Array.from({ length: count }, () => ({
    client: new GRPCInferenceService(target, credentials.createInsecure(), channelOptions(messageBytes)),
    outstanding: 0,
  }));
  let turn = 0;

  /** Least outstanding; the search starts one further each time, so that equals take turns. */
  const pick = () => {
    turn = (turn + 1) % channels.length;
    const order = [...channels.slice(turn), ...channels.slice(0, turn)];
    return order.reduce((least, next) => (next.outstanding < least.outstanding ? next : least));
  };

  return {
    run: async (call) => {
      const channel = pick();
      channel.outstanding += 1;
      try {
        return await call(channel.client);
      } finally {
        channel.outstanding -= 1;
      }
    },
    outstanding: () => channels.reduce((sum, channel) => sum + channel.outstanding, 0),
    close: () => {
      for (const { client } of channels) client.close();
    },
  };
}
