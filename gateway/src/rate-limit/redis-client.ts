import { setTimeout as sleep } from 'node:timers/promises';
import { nextPauseMs } from '@headgate/runtime/resilience/backoff';
import type { DependencyConfig } from '@headgate/runtime/resilience/policies';
import { Redis } from 'ioredis';

export interface RedisClientOptions {
  /** Holds the password: never log it. */
  readonly url: string;
  /** Limit of one attempt to connect, and of the wait at the start. Within a data centre it takes milliseconds. */
  readonly connectTimeoutMs?: number;
  /** A connection with unanswered commands on which nothing arrives is given up after this time. */
  readonly silenceTimeoutMs?: number;
  /** Pauses between attempts to connect are those of the breaker. */
  readonly breaker: DependencyConfig['breaker'];
  /** The connection was lost, or could not be made. Called for each attempt. */
  readonly onError: (error: Error) => void;
}

/**
 * A connection to Redis that comes back by itself. A command is sent once, on a connection that is ready, or fails at
 * once: nothing waits in a queue, and nothing is counted twice.
 *
 * @returns when it is connected, or after `connectTimeoutMs`, whichever is first
 */
export async function connectRedis(options: RedisClientOptions): Promise<Redis> {
  const { url, breaker, onError, connectTimeoutMs = 1000, silenceTimeoutMs = 2000 } = options;
  let lastMs: number | undefined;
  const client = new Redis(url, {
    connectionName: 'headgate-gateway',
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => {
      const bounds = { minMs: breaker.open_min_ms, maxMs: breaker.open_max_ms, random: Math.random };
      lastMs = nextPauseMs(times === 1 ? undefined : lastMs, bounds);
      return lastMs;
    },
  });
  client.on('error', onError);
  const connected = new AbortController();
  client.once('ready', () => connected.abort());
  await sleep(connectTimeoutMs, undefined, { signal: connected.signal }).catch(() => undefined);
  return client;
}
