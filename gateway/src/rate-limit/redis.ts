import { setTimeout as sleep } from 'node:timers/promises';
import { nextPauseMs } from '@headgate/runtime/resilience/backoff';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { type Charge, type Limiter, type Quota, stateOf } from './limiter.ts';

/**
 * Takes ARGV[1] points when no more than ARGV[3] are taken then, and begins a window of ARGV[2] seconds with the first
 * ones. Answers the points that are taken, or those that would be (more than ARGV[3]) where nothing was, and how long
 * the window lasts in ms. One step for Redis: no other gateway comes in between.
 */
const TAKE = `
local wanted = tonumber(redis.call('get', KEYS[1]) or '0') + tonumber(ARGV[1])
if tonumber(ARGV[1]) > 0 and wanted <= tonumber(ARGV[3]) then
  redis.call('incrby', KEYS[1], ARGV[1])
  if redis.call('pttl', KEYS[1]) < 0 then redis.call('expire', KEYS[1], ARGV[2]) end
end
return {wanted, redis.call('pttl', KEYS[1])}`;

/** Counters of one quota, of every subject. */
interface Counters {
  /** Up to the points of the quota. */
  readonly bounded: RateLimiterRedis;
  /** Whatever the quota has. */
  readonly unbounded: RateLimiterRedis;
}

/**
 * Quotas counted in Redis, together with all other gateways that use it. Keys have the subject as their hash tag, so
 * that all counts of one subject lie on one node of a cluster.
 *
 * Fails with whatever the client fails with; its caller knows what to do without a store.
 */
export function redisLimiter(client: Redis): Limiter {
  const counters = new Map<string, Counters>();

  const countersOf = (quota: Quota): Counters => {
    const existing = counters.get(quota.name);
    if (existing) return existing;
    const options = {
      storeClient: client,
      keyPrefix: KEY_PREFIX,
      duration: quota.windowMs / 1000,
      customIncrTtlLuaScript: TAKE,
    };
    const fresh = {
      bounded: new RateLimiterRedis({ ...options, points: quota.points }),
      unbounded: new RateLimiterRedis({ ...options, points: Number.MAX_SAFE_INTEGER }),
    };
    counters.set(quota.name, fresh);
    return fresh;
  };

  const consumeOne = async (charge: Charge) => {
    const { quota, cost } = charge;
    // penalty() runs the script like consume(), but answers where consume() would reject.
    const answer = await countersOf(quota).bounded.penalty(keyOf(charge), cost);
    const fits = answer.consumedPoints <= quota.points;
    const taken = fits ? answer.consumedPoints : answer.consumedPoints - cost;
    return stateOf(charge, taken, answer.msBeforeNext, fits);
  };

  return {
    consume: (charges) => Promise.all(charges.map(consumeOne)),
    async debit(charges) {
      const due = charges.filter(({ cost }) => cost > 0);
      await Promise.all(
        due.map((charge) => countersOf(charge.quota).unbounded.penalty(keyOf(charge), charge.cost)),
      );
    },
  };
}

const KEY_PREFIX = 'headgate';

function keyOf({ quota, subject }: Charge): string {
  return `{${subject}}:${quota.name}`;
}

const CONNECTION = {
  /** Limit of one attempt to connect, and of the wait at the start. Within a data centre it takes milliseconds. */
  connectTimeoutMs: 1000,
  /** A connection with unanswered commands on which nothing arrives is given up after this time. */
  silenceTimeoutMs: 2000,
  /** Pauses between attempts to connect are those of the breaker. */
  pauses: { minMs: POLICIES.redis.breaker.open_min_ms, maxMs: POLICIES.redis.breaker.open_max_ms },
};

/**
 * A connection to Redis that comes back by itself. A command is sent once, on a connection that is ready, or fails at
 * once: nothing waits in a queue, and nothing is counted twice.
 *
 * @param url holds the password: never log it
 * @param onError the connection was lost, or could not be made; called for each attempt
 * @returns when it is connected, or after `connectTimeoutMs`, whichever is first
 */
export async function connectRedis(
  url: string,
  onError: (error: Error) => void,
  { connectTimeoutMs, silenceTimeoutMs, pauses } = CONNECTION,
): Promise<Redis> {
  let lastMs: number | undefined;
  const client = new Redis(url, {
    connectionName: 'headgate-gateway',
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => {
      lastMs = nextPauseMs(times === 1 ? undefined : lastMs, { ...pauses, random: Math.random });
      return lastMs;
    },
  });
  client.on('error', onError);
  const connected = new AbortController();
  client.once('ready', () => connected.abort());
  await sleep(connectTimeoutMs, undefined, { signal: connected.signal }).catch(() => undefined);
  return client;
}
