import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';

/** How long a request may take, all counted from its start. */
export interface TimeLimit {
  /** Monotonic clock. */
  readonly startedAtMs: number;
  readonly budgetMs: number;
  /** The budget does not run while the body arrives, up to here; absent = it does. */
  readonly uploadMs?: number;
  /** The longest budget that a caller may ask for; absent = this one. */
  readonly mostMs?: number;
}

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
  /** Reads a body. The budget of a caller that named none does not run meanwhile (decision 0124). */
  whileArriving<T>(read: () => Promise<T>): Promise<T>;
  /** The limit and what to do about it, as a sentence for the caller. */
  readonly advice: string;
  /** Throws when the request is over: also when its timer is late, on a busy event loop. */
  throwIfOver(): void;
  /** Calls the listener once when the request is over, or at once if it is. The result removes the listener. */
  onOver(listener: (why: HeadgateError) => void): () => void;
}

/**
 * Ends when its time is up or when the client goes away, whichever comes first. Has listeners of its own, since those of
 * an AbortSignal cost each request as much as the JSON of its answer.
 */
export class RequestDeadline implements Deadline, Disposable {
  over: HeadgateError | undefined;
  readonly #limit: Required<TimeLimit>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #disconnect: AbortSignal | undefined;
  readonly #listeners = new Set<(why: HeadgateError) => void>();
  readonly #leave = () => this.end(new HeadgateError('cancelled', 'The client closed the connection.'));
  #endsAtMs: number;
  #timer: ReturnType<typeof setTimeout>;
  #controller: AbortController | undefined;

  /** @param disconnect aborted when the client goes away */
  constructor(limit: TimeLimit, clock: Pick<Clock, 'monotonicMs'>, disconnect?: AbortSignal) {
    const { startedAtMs, budgetMs, uploadMs = budgetMs, mostMs = budgetMs } = limit;
    this.#limit = { startedAtMs, budgetMs, uploadMs, mostMs };
    this.#endsAtMs = startedAtMs + budgetMs;
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
    if (ms < this.remainingMs()) this.#endAt(this.#clock.monotonicMs() + ms);
  }

  async whileArriving<T>(read: () => Promise<T>): Promise<T> {
    const latestMs = this.#limit.startedAtMs + this.#limit.uploadMs;
    if (latestMs <= this.#endsAtMs) return read();
    const leftMs = this.remainingMs();
    this.#endAt(latestMs);
    const body = await read();
    this.#endAt(Math.min(latestMs, this.#clock.monotonicMs() + leftMs));
    return body;
  }

  get advice(): string {
    const { startedAtMs, mostMs } = this.#limit;
    const limitMs = Math.round(this.#endsAtMs - startedAtMs);
    const more =
      limitMs < mostMs ? `; ${HEADER.timeoutMs} can grant up to ${mostMs} ms` : ', the longest there is';
    return `The time limit of this request is ${limitMs / 1000} s${more}.`;
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

  #endAt(endsAtMs: number): void {
    this.#endsAtMs = endsAtMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expire(), this.remainingMs());
  }

  #expire(): void {
    this.end(new HeadgateError('deadline_exceeded', `The request took too long. ${this.advice}`));
  }
}

/** Settles as the work does, or rejects once the request is over: also for work that ignores its deadline. */
export function untilOver<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = deadline.onOver(reject);
    work.then(resolve, reject).then(release);
  });
}
