import type { EndpointHealth } from './endpoint-health.ts';

export interface EndpointsOptions {
  /** The addresses that exist now, as `ip:port`. */
  readonly resolve: () => Promise<readonly string[]>;
  /** How often to resolve, in ms. */
  readonly intervalMs: number;
  /** Begins to watch one address. */
  readonly open: (address: string) => EndpointHealth;
  /** The name cannot be resolved: told once, until it can; the last addresses stay in use. */
  readonly onUnresolved: (error: unknown) => void;
}

/** The endpoints behind a name, kept up to date. */
export interface Endpoints {
  all(): readonly EndpointHealth[];
  stop(): void;
}

/** Opens what appears, stops what disappears, and leaves the others alone. */
export function followEndpoints({ resolve, intervalMs, open, onUnresolved }: EndpointsOptions): Endpoints {
  const watched = new Map<string, EndpointHealth>();
  let timer: NodeJS.Timeout | undefined;
  let resolved = true;
  let stopped = false;

  const follow = (addresses: readonly string[]) => {
    for (const [address, endpoint] of watched) {
      if (addresses.includes(address)) continue;
      endpoint.stop();
      watched.delete(address);
    }
    for (const address of addresses) {
      if (!watched.has(address)) watched.set(address, open(address));
    }
  };

  const refresh = async () => {
    try {
      const addresses = await resolve();
      if (stopped) return;
      follow(addresses);
      resolved = true;
    } catch (error) {
      if (resolved) onUnresolved(error);
      resolved = false;
    }
    if (!stopped) timer = setTimeout(refresh, intervalMs);
  };

  void refresh();
  return {
    all: () => [...watched.values()],
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      follow([]);
    },
  };
}
