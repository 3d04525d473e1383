import { HeadgateError, REASONS, toHeadgateError } from '@headgate/contracts/errors';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Work } from '../dispatch.ts';
import type { ItemResult } from '../item.ts';

export interface SingleFlightOptions {
  /** Runs one item; obeys its deadline and its signal. @throws HeadgateError */
  readonly run: (work: Work, key: string) => Promise<ItemResult>;
  readonly clock: TimerClock;
  /** Callers that may wait for runs that others asked for; more are refused as overloaded. */
  readonly maxWaiting: number;
}

export interface Landing {
  readonly result: ItemResult;
  /** True for all who wait for a run but one: the first of those who are still there when it ends. */
  readonly shared: boolean;
}

/** A caller who waits. */
interface Waiter {
  readonly work: Work;
  flight: Flight;
  /** It was in a flight that failed, and had another chance. */
  isRetry: boolean;
  readonly settle: (outcome: Landing | HeadgateError) => void;
}

/** One run, and all who wait for it, in the order of their arrival. */
interface Flight {
  readonly key: string;
  readonly waiters: Set<Waiter>;
  /** Aborted when the last waiter leaves. */
  readonly controller: AbortController;
}

/** Advice to those whom `maxWaiting` turns away, in ms. */
const RETRY_AFTER_MS = 100;

/**
 * Runs what several callers ask at the same time once. It holds these promises:
 *
 * - everyone who waits gets exactly one answer, at the latest at its own deadline or when it cancels;
 * - the run goes on as long as one caller waits, and is cancelled when the last one leaves;
 * - a failure that says something about the item is everybody's; one that says something about the moment (engine
 *   gone, no room, the first caller's deadline passed) goes to the one in whose name the run was made, and the
 *   others run once more, with the longest of their deadlines. Once: an item that crashes engines crashes two.
 */
export class SingleFlight {
  readonly #options: SingleFlightOptions;
  readonly #flights = new Map<string, Flight>();
  #waiting = 0;

  constructor(options: SingleFlightOptions) {
    this.#options = options;
  }

  /** Callers who wait, those in whose name something runs included. */
  get waiting(): number {
    return this.#waiting;
  }

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** @throws HeadgateError what the run throws; deadline_exceeded and cancelled by the caller's own terms; overloaded */
  async join(key: string, work: Work): Promise<Landing> {
    if (work.signal.aborted) throw cancelled();
    const flight = this.#flights.get(key);
    if (flight && this.#waiting - this.#flights.size >= this.#options.maxWaiting) throw crowded();
    return flight ? this.#board(flight, work).answer : this.#open(key, work);
  }

  #open(key: string, work: Work): Promise<Landing> {
    const flight = this.#flight(key);
    const { waiter, answer } = this.#board(flight, work);
    this.#takeOff(flight, waiter);
    return answer;
  }

  #flight(key: string): Flight {
    const flight: Flight = { key, waiters: new Set(), controller: new AbortController() };
    this.#flights.set(key, flight);
    return flight;
  }

  /** Joins those who wait for a flight. */
  #board(flight: Flight, work: Work): { readonly waiter: Waiter; readonly answer: Promise<Landing> } {
    const { clock } = this.#options;
    const answer = Promise.withResolvers<Landing>();
    const abort = () => this.#leave(waiter, cancelled());
    const cancelTimer = clock.after(Math.max(0, work.deadlineAtMs - clock.monotonicMs()), () =>
      this.#leave(waiter, late()),
    );
    const settle = (outcome: Landing | HeadgateError) => {
      cancelTimer();
      work.signal.removeEventListener('abort', abort);
      this.#waiting -= 1;
      if (outcome instanceof HeadgateError) answer.reject(outcome);
      else answer.resolve(outcome);
    };
    const waiter: Waiter = { work, flight, isRetry: false, settle };
    this.#waiting += 1;
    flight.waiters.add(waiter);
    work.signal.addEventListener('abort', abort);
    return { waiter, answer: answer.promise };
  }

  /** Starts the run in the name of one of those who wait. */
  #takeOff(flight: Flight, leader: Waiter): void {
    this.#options.run({ ...leader.work, signal: flight.controller.signal }, flight.key).then(
      (result) => this.#land(flight, result),
      (thrown: unknown) => this.#fail(flight, leader, toHeadgateError(thrown)),
    );
  }

  #land(flight: Flight, result: ItemResult): void {
    let shared = false;
    for (const waiter of this.#end(flight)) {
      waiter.settle({ result, shared });
      shared = true;
    }
  }

  #fail(flight: Flight, leader: Waiter, error: HeadgateError): void {
    const others: Waiter[] = [];
    for (const waiter of this.#end(flight)) {
      if (waiter === leader || waiter.isRetry || !isOfTheMoment(error)) waiter.settle(error);
      else others.push(waiter);
    }
    if (others.length === 0) return;
    const next = this.#flight(flight.key);
    for (const waiter of others) {
      waiter.isRetry = true;
      waiter.flight = next;
      next.waiters.add(waiter);
    }
    this.#takeOff(next, others.reduce(later));
  }

  /** Closes the flight to new callers. @returns those who still wait for it */
  #end(flight: Flight): readonly Waiter[] {
    const waiters = [...flight.waiters];
    flight.waiters.clear();
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
    return waiters;
  }

  #leave(waiter: Waiter, error: HeadgateError): void {
    const { flight } = waiter;
    waiter.settle(error);
    flight.waiters.delete(waiter);
    if (flight.waiters.size > 0) return;
    this.#end(flight);
    flight.controller.abort();
  }
}

/** Whether the same item may succeed in the next moment, or for a caller with more time. */
function isOfTheMoment({ reason }: HeadgateError): boolean {
  return REASONS[reason].retryable || reason === 'cancelled';
}

function later(a: Waiter, b: Waiter): Waiter {
  return b.work.deadlineAtMs > a.work.deadlineAtMs ? b : a;
}

function cancelled(): HeadgateError {
  return new HeadgateError('cancelled', 'The caller cancelled the request.');
}

function late(): HeadgateError {
  return new HeadgateError('deadline_exceeded', 'The deadline passed before the model had run.');
}

function crowded(): HeadgateError {
  return new HeadgateError('overloaded', 'Too many callers wait for the same; please try again later.', {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
