import type { ManualClock } from '@headgate/testkit/manual-clock';
import { type KubernetesApi, KubernetesError, type Method, type WatchEvent } from '../kubernetes/api.ts';

/** What breaks a watch: a status of the API server, or undefined for a socket. */
export type Failure = 401 | 403 | 410 | 429 | 500 | 503 | undefined;

interface Watcher {
  push(event: WatchEvent): void;
  end(error?: Error): void;
  isSilent: boolean;
}

interface Replacement {
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Record<string, string> };
  readonly data: { readonly 'routing.yaml': string };
}

/** An API server that holds one ConfigMap, which a test edits, breaks and silences. Time is a manual clock. */
export class ConfigMapServer implements KubernetesApi {
  readonly namespace = 'shop';
  /** Moments of all lists. */
  readonly listsMs: number[] = [];
  readonly #clock: ManualClock;
  readonly #watchers = new Set<Watcher>();
  #text: string | undefined;
  /** All changes; a list has the number of them as its resource version. */
  readonly #history: WatchEvent[] = [];
  #failure: { readonly status: Failure } | undefined;
  #annotations: Readonly<Record<string, string>> | undefined;
  #manager = 'kubectl-create';

  constructor(clock: ManualClock, text: string) {
    this.#clock = clock;
    this.#text = text;
  }

  get text(): string | undefined {
    return this.#text;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  /** Undefined deletes it. */
  edit(text: string | undefined, manager = 'kubectl-edit'): void {
    const type = text === undefined ? 'DELETED' : this.#text === undefined ? 'ADDED' : 'MODIFIED';
    if (text === undefined && this.#text === undefined) return;
    this.#text = text;
    this.#manager = manager;
    const event: WatchEvent = { type, object: this.#map() };
    this.#history.push(event);
    this.#send(event);
  }

  bookmark(): void {
    this.#send({ type: 'BOOKMARK', object: {} });
  }

  /** From now on each call fails, and each watch ends. */
  fail(status: Failure): void {
    this.#failure = { status };
    this.breakWatches(status);
  }

  work(): void {
    this.#failure = undefined;
  }

  breakWatches(status: Failure): void {
    for (const watcher of this.#watchers) watcher.end(failureOf(status));
  }

  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  /** The watches of now show nothing any more, as behind a dead network. */
  silence(): void {
    for (const watcher of this.#watchers) watcher.isSilent = true;
  }

  /** Lists, reads and replaces the ConfigMap; a replacement of another version is a conflict. */
  async call(method: Method, path: string, { body }: { readonly body?: unknown } = {}): Promise<unknown> {
    if (!path.includes('fieldSelector')) return this.#one(method, path, body);
    this.listsMs.push(this.#clock.now());
    this.#failNow();
    const items = this.#text === undefined ? [] : [this.#map()];
    return { metadata: { resourceVersion: `${this.#history.length}` }, items };
  }

  async *watch(path: string, { timeoutSeconds, signal }: { timeoutSeconds: number; signal: AbortSignal }) {
    this.#failNow();
    const events = this.#history.slice(Number(/resourceVersion=(\d+)/.exec(path)?.[1]));
    let over: { readonly error: Error | undefined } | undefined;
    let wake = Promise.withResolvers<void>();
    const end = (error?: Error) => {
      over ??= { error };
      wake.resolve();
    };
    const watcher: Watcher = {
      isSilent: false,
      push(event) {
        if (this.isSilent) return;
        events.push(event);
        wake.resolve();
      },
      end(error) {
        if (!this.isSilent) end(error);
      },
    };
    const stop = () => end(new Error('stopped'));
    const cancels = [
      this.#clock.after(timeoutSeconds * 1000, () => watcher.end()),
      this.#clock.after(timeoutSeconds * 1000 + 5000, () => end(failureOf(undefined))),
    ];
    signal.addEventListener('abort', stop);
    this.#watchers.add(watcher);
    try {
      for (;;) {
        yield* events.splice(0);
        if (over?.error) throw over.error;
        if (over) return;
        await wake.promise;
        wake = Promise.withResolvers();
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', stop);
      for (const cancel of cancels) cancel();
    }
  }

  close(): void {}

  #failNow(): void {
    if (this.#failure) throw failureOf(this.#failure.status);
  }

  #one(method: Method, path: string, body: unknown): unknown {
    this.#failNow();
    if (this.#text === undefined) throw new KubernetesError('GET x', '404', { status: 404 });
    if (method === 'PUT') {
      const { metadata, data } = body as Replacement;
      if (metadata.resourceVersion !== `${this.#history.length}`) {
        throw new KubernetesError('PUT x', '409', { status: 409 });
      }
      this.#annotations = metadata.annotations;
      this.edit(data['routing.yaml'], /fieldManager=([\w-]+)/.exec(path)?.[1]);
    }
    return this.#map();
  }

  #map() {
    const time = new Date(this.#clock.epochMs()).toISOString();
    return {
      metadata: {
        name: 'headgate-routing',
        resourceVersion: `${this.#history.length}`,
        annotations: this.#annotations,
        managedFields: [{ manager: this.#manager, time }],
      },
      data: { 'routing.yaml': this.#text },
    };
  }

  #send(event: WatchEvent): void {
    for (const watcher of this.#watchers) watcher.push(event);
  }
}

function failureOf(status: Failure): Error {
  return new KubernetesError(
    'GET x',
    `${status ?? 'socket hang up'}`,
    status === undefined ? {} : { status },
  );
}
