import { credentials, status } from '@grpc/grpc-js';
import { loadHealth } from '@headgate/runtime/proto';
import { type ConnectionOptions, channelOptions, Pool } from './connection.ts';

export interface EndpointsOptions {
  /** The addresses that exist now, as `ip:port`. */
  readonly resolve: () => Promise<readonly string[]>;
  /** Names under grpc.health.v1 to ask each endpoint for; read in each round. */
  readonly services: () => readonly string[];
  readonly connection: ConnectionOptions;
  /** After each round of one endpoint, and each time the name was resolved. */
  readonly onRound: () => void;
  /** The name cannot be resolved: told once, until it can; the last addresses stay in use. */
  readonly onUnresolved: (error: unknown) => void;
  readonly times?: typeof TIMES;
}

const TIMES = {
  /** How often the name is resolved again: a new pod waits no longer for its first call. */
  resolveIntervalMs: 5000,
  /** The same while a request waits for the first pod of its model. */
  hurryIntervalMs: 250,
  /** How often each endpoint is asked which versions it serves. */
  intervalMs: 250,
  /** The same while no calls come and all versions are served: checks are most of what an idle gateway does. */
  quietIntervalMs: 1000,
  /**
   * A busy process answers late, one that hangs never does. Longer than an interval, so that a loaded machine does not
   * count as a dead one; a process that ended refuses the connection at once anyway.
   */
  timeoutMs: 1000,
};

/** Health messages are a few bytes. */
const HEALTH_MESSAGE_BYTES = 4096;

/** One inference process: its connections for calls, another one for health, and what it serves. */
export class Endpoint {
  readonly pool: Pool;
  /** Names that are SERVING. One without an answer stays for one round: a busy process misses one now and then. */
  serving: ReadonlySet<string> = new Set();
  readonly #onSilent = new Set<() => void>();
  readonly #options: EndpointsOptions;
  readonly #health;
  #timer: NodeJS.Timeout | undefined;
  /** Names without an answer in the last round, and whether none had one. */
  #silent: ReadonlySet<string> = new Set();
  #isSilent = false;
  #isStopped = false;

  /** @param address `ip:port` */
  constructor(address: string, options: EndpointsOptions) {
    this.#options = options;
    this.pool = new Pool(address, options.connection);
    const { Health } = loadHealth();
    this.#health = new Health(address, credentials.createInsecure(), {
      ...channelOptions(HEALTH_MESSAGE_BYTES),
      'grpc.max_reconnect_backoff_ms': (options.times ?? TIMES).intervalMs,
    });
    void this.#round();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#health.close();
    // A pod that ends leaves the name at once, and still answers what it has accepted.
    this.pool.retire();
  }

  /**
   * Calls back when no health check of two rounds was answered: the process hangs, its machine or its network is gone. A
   * process that ends, also slowly, is not silent.
   *
   * @returns takes the callback back
   */
  onSilent(callback: () => void): () => void {
    this.#onSilent.add(callback);
    return () => this.#onSilent.delete(callback);
  }

  /** Checks instead of a Watch stream: the stream of a process that hangs stays silent like that of a healthy one. */
  async #round(): Promise<void> {
    const { services, onRound, times: { intervalMs, quietIntervalMs } = TIMES } = this.#options;
    const startedMs = performance.now();
    const names = services();
    const answers = await Promise.all(names.map((name) => this.#check(name)));
    if (this.#isStopped) return;
    const silent = new Set(names.filter((_, i) => answers[i] === 'silent'));
    const stays = (name: string) => silent.has(name) && !this.#silent.has(name) && this.serving.has(name);
    this.serving = new Set(names.filter((name, i) => answers[i] === 'serving' || stays(name)));
    this.#silent = silent;
    const wasSilent = this.#isSilent;
    this.#isSilent = names.length > 0 && silent.size === names.length;
    if (this.#isSilent && wasSilent) for (const callback of this.#onSilent) callback();
    const isQuiet = !this.pool.takeUsed() && answers.every((answer) => answer === 'serving');
    const elapsedMs = performance.now() - startedMs;
    const waitMs = (isQuiet ? quietIntervalMs : intervalMs) - elapsedMs;
    this.#timer = setTimeout(() => void this.#round(), Math.max(0, waitMs));
    onRound();
  }

  #check(service: string): Promise<'serving' | 'not serving' | 'silent'> {
    const deadline = Date.now() + (this.#options.times ?? TIMES).timeoutMs;
    return new Promise((resolve) => {
      this.#health.Check({ service }, { deadline }, (error, answer) => {
        if (error?.code === status.DEADLINE_EXCEEDED) resolve('silent');
        else resolve(answer?.status === 'SERVING' ? 'serving' : 'not serving');
      });
    });
  }
}

/** The endpoints behind a name: opens what appears, stops what disappears, and leaves the others alone. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #byAddress = new Map<string, Endpoint>();
  #all: readonly Endpoint[] = [];
  #timer: NodeJS.Timeout | undefined;
  #inHurry = false;
  #isResolved = true;
  #isStopped = false;

  constructor(options: EndpointsOptions) {
    this.#options = options;
    void this.#refresh();
  }

  all(): readonly Endpoint[] {
    return this.#all;
  }

  /** Resolves the name soon, once: a request waits for an endpoint that is not there yet. */
  hurry(): void {
    if (this.#inHurry || this.#isStopped) return;
    const { hurryIntervalMs } = this.#options.times ?? TIMES;
    this.#inHurry = true;
    // Undefined while it is being resolved.
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), hurryIntervalMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#follow([]);
  }

  async #refresh(): Promise<void> {
    const {
      resolve,
      onUnresolved,
      onRound,
      times: { resolveIntervalMs, hurryIntervalMs } = TIMES,
    } = this.#options;
    this.#timer = undefined;
    this.#inHurry = false;
    try {
      const addresses = await resolve();
      if (this.#isStopped) return;
      this.#follow(addresses);
      this.#isResolved = true;
    } catch (error) {
      if (this.#isResolved) onUnresolved(error);
      this.#isResolved = false;
    }
    const waitMs = this.#inHurry ? hurryIntervalMs : resolveIntervalMs;
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#refresh(), waitMs);
    onRound();
  }

  #follow(addresses: readonly string[]): void {
    for (const [address, endpoint] of this.#byAddress) {
      if (addresses.includes(address)) continue;
      endpoint.stop();
      this.#byAddress.delete(address);
    }
    for (const address of addresses) {
      if (!this.#byAddress.has(address)) this.#byAddress.set(address, new Endpoint(address, this.#options));
    }
    this.#all = [...this.#byAddress.values()];
  }
}
