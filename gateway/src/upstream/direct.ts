import { credentials } from '@grpc/grpc-js';
import type { GRPCInferenceServiceClient } from '@headgate/contracts/gen/grpc/inference/GRPCInferenceService';
import { loadInference } from '@headgate/runtime/proto';
import { channelOptions } from './channels.ts';

/** Connections to single endpoints, for calls that must not go to whichever is next. */
export interface Direct {
  /**
   * The connection to one endpoint, opened when it is first asked for.
   *
   * @param address `ip:port`
   * @param known all endpoints that exist now; connections to others are closed
   */
  to(address: string, known: readonly string[]): GRPCInferenceServiceClient;
  close(): void;
}

export function openDirect(messageBytes: number): Direct {
  const { GRPCInferenceService } = loadInference();
  const clients = new Map<string, GRPCInferenceServiceClient>();

  const closeExcept = (known: readonly string[]) => {
    for (const [address, client] of clients) {
      if (known.includes(address)) continue;
      client.close();
      clients.delete(address);
    }
  };

  return {
    to: (address, known) => {
      closeExcept(known);
      const client =
        clients.get(address) ??
        new GRPCInferenceService(address, credentials.createInsecure(), channelOptions(messageBytes));
      clients.set(address, client);
      return client;
    },
    close: () => closeExcept([]),
  };
}
