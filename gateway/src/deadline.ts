import { HeadgateError } from '@headgate/contracts/errors';
import type { Clock } from '@headgate/runtime/clock';

/** The one time budget of a request (decision 0004). */
export interface Deadline {
  /** Why the request is over; undefined while it is not. */
  readonly over: HeadgateError | undefined;
  /** For what takes a signal; its reason is `over`. */
  readonly signal: AbortSignal;
  /** What is left of the budget in ms; never negative. */
  remainingMs(): number;
  /** Ends the request sooner, `ms` from now; a longer time has no effect. */
  shorten(ms: number): void;
  /** Throws when the request is over: also when its timer is late, on a busy event loop. */
  throwIfOver(): void;
  /** Calls the listener once when the request is over, or at once if it is. The result removes the listener. */
  onOver(listener: (why: HeadgateError) => void): () => void;
}

/**
 * Ends at `endsAtMs` of the monotonic clock or when the client goes away, whichever comes first. Has listeners of its own,
 * since those of an AbortSignal cost each request as much as the JSON of its answer.
 */
export class RequestDeadline implements Deadline, Disposable {
  over: HeadgateError | undefined;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #disconnect: AbortSignal | undefined;
  readonly #listeners = new Set<(why: HeadgateError) => void>();
  readonly #leave = () => this.end(new HeadgateError('cancelled', 'The client closed the connection.'));
  #endsAtMs: number;
  #timer: ReturnType<typeof setTimeout>;
  #controller: AbortController | undefined;

  /** @param disconnect aborted when the client goes away */
  constructor(endsAtMs: number, clock: Pick<Clock, 'monotonicMs'>, disconnect?: AbortSignal) {
    this.#endsAtMs = endsAtMs;
    this.#clock = clock;
    this.#disconnect = disconnect;
    this.#timer = setTimeout(() => this.#expire(), this.remainingMs());
    if (disconnect?.aborted) this.#leave();
    else disconnect?.addEventListener('abort', this.#leave, { once: true });
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.over) this.#controller.abort(this.over);
    return this.#controller.signal;
  }

  remainingMs(): number {
    return Math.max(0, this.#endsAtMs - this.#clock.monotonicMs());
  }

  shorten(ms: number): void {
    if (ms >= this.remainingMs()) return;
    this.#endsAtMs = this.#clock.monotonicMs() + ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expire(), ms);
  }

  throwIfOver(): void {
    if (this.remainingMs() === 0) this.#expire();
    if (this.over) throw this.over;
  }

  onOver(listener: (why: HeadgateError) => void): () => void {
    if (this.over) {
      listener(this.over);
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The request is over for this reason, unless it is over already. */
  end(why: HeadgateError): void {
    if (this.over) return;
    this.over = why;
    this.#controller?.abort(why);
    for (const listener of this.#listeners) listener(why);
    this.#listeners.clear();
  }

  /** Releases the timer and the client's signal; ends nothing. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#disconnect?.removeEventListener('abort', this.#leave);
  }

  #expire(): void {
    this.end(new HeadgateError('deadline_exceeded', 'The deadline of the request passed.'));
  }
}

/** Settles as the work does, or rejects once the request is over: also for work that ignores its deadline. */
export function untilOver<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = deadline.onOver(reject);
    work.then(resolve, reject).then(release);
  });
}
