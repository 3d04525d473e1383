import { credentials } from '@grpc/grpc-js';
import type { HealthClient } from '@headgate/contracts/gen/grpc/grpc/health/v1/Health';
import { loadHealth } from '@headgate/runtime/proto';
import { channelOptions } from './channels.ts';

export interface EndpointHealthOptions {
  /** `ip:port`. */
  readonly address: string;
  /** Its own connection; closed by `stop`. */
  readonly client: HealthClient;
  /** Names under grpc.health.v1 to ask for; read anew in each round. */
  readonly services: () => readonly string[];
  readonly intervalMs: number;
  /** An endpoint that has not answered by then is not serving. */
  readonly timeoutMs: number;
  /** After each round. */
  readonly onRound: () => void;
}

/** What one inference process says about itself. */
export interface EndpointHealth {
  /** `ip:port`. */
  readonly address: string;
  /** Names that are SERVING; empty when it did not answer. */
  serving(): ReadonlySet<string>;
  stop(): void;
}

/** Health messages are a few bytes. */
const MESSAGE_BYTES = 4096;

/** Opens a connection for health to `ip:port`, tried again each interval. The contract is loaded once for all. */
export function healthConnector(intervalMs: number): (address: string) => HealthClient {
  const { Health } = loadHealth();
  const options = { ...channelOptions(MESSAGE_BYTES), 'grpc.max_reconnect_backoff_ms': intervalMs };
  return (address) => new Health(address, credentials.createInsecure(), options);
}

/**
 * Asks one endpoint over and over. Checks rather than a Watch stream: an answer proves that the process still works
 * now, while a stream of a process that hangs stays silent like a healthy one.
 */
export function watchEndpoint({
  address,
  client,
  services,
  intervalMs,
  timeoutMs,
  onRound,
}: EndpointHealthOptions): EndpointHealth {
  let serving: ReadonlySet<string> = new Set();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const isServing = (service: string) =>
    new Promise<boolean>((resolve) => {
      client.Check({ service }, { deadline: Date.now() + timeoutMs }, (_error, answer) =>
        resolve(answer?.status === 'SERVING'),
      );
    });

  const round = async () => {
    const startedMs = performance.now();
    const names = services();
    const answers = await Promise.all(names.map(isServing));
    if (stopped) return;
    serving = new Set(names.filter((_, i) => answers[i]));
    timer = setTimeout(round, Math.max(0, intervalMs - (performance.now() - startedMs)));
    onRound();
  };

  void round();
  return {
    address,
    serving: () => serving,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      client.close();
    },
  };
}
