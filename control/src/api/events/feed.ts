import type { LiveView, RoutingView } from '@headgate/contracts/admin/api';
import type { Rollout } from '@headgate/contracts/rollout';
import type { TimerClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { AdminError } from '../api-env.ts';
import { Mailbox } from './mailbox.ts';

/** What is sent, by the name of the event. */
export interface Events {
  readonly live: LiveView;
  readonly routing: RoutingView;
  readonly rollout: Rollout;
}

const TICK_MS = 1000;
/** Each has a connection; a page has one. */
const MAX_STREAMS = 32;
const MAX_STREAMS_OF_ONE = 8;
/** How long a browser waits before it connects again. */
const FIRST = 'retry: 2000\n\n';
/** A line that readers ignore; it shows proxies and us that the connection is in use. */
const HEARTBEAT = ':\n\n';

interface Reader {
  readonly actor: string;
  /** False once the caller's session or key has ended. */
  readonly isIn: () => boolean;
  readonly mailbox: Mailbox;
}

export interface FeedOptions {
  readonly live: () => Promise<LiveView>;
  readonly clock: TimerClock;
  readonly logger: Pick<Logger, 'error'>;
}

/** Streams of server-sent events. The live view is made once a second for all of them, and not at all for none. */
export class EventFeed {
  readonly #options: FeedOptions;
  readonly #readers = new Set<Reader>();
  #isTicking = false;
  #isFailing = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** @throws AdminError too_many */
  open(actor: string, isIn: () => boolean): ReadableStream<Uint8Array> {
    const ofActor = [...this.#readers].filter((reader) => reader.actor === actor).length;
    if (this.#readers.size >= MAX_STREAMS || ofActor >= MAX_STREAMS_OF_ONE) {
      throw new AdminError('too_many', 'Too many streams of events; close some, and try again.');
    }
    const mailbox = new Mailbox();
    mailbox.put('', FIRST);
    const reader = { actor, isIn, mailbox };
    this.#readers.add(reader);
    if (!this.#isTicking) void this.#tick();
    return streamOf(mailbox, () => this.#readers.delete(reader));
  }

  send<E extends keyof Events>(event: E, data: Events[E]): void {
    // A slow reader must get the newest frame of each rollout.
    const key = 'id' in data ? `${event} ${data.id}` : event;
    // JSON has no line breaks of its own.
    this.#put(key, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  async #tick(): Promise<void> {
    const { live, clock } = this.#options;
    this.#isTicking = true;
    for (const reader of this.#readers) if (!reader.isIn()) this.#end(reader);
    if (this.#readers.size === 0) {
      this.#isTicking = false;
      return;
    }
    try {
      this.send('live', await live());
      this.#isFailing = false;
    } catch (err) {
      this.#put('live', HEARTBEAT);
      if (!this.#isFailing) this.#options.logger.error({ err }, 'events have no live view');
      this.#isFailing = true;
    }
    clock.after(TICK_MS, () => void this.#tick());
  }

  #put(key: string, frame: string): void {
    for (const { mailbox } of this.#readers) mailbox.put(key, frame);
  }

  #end(reader: Reader): void {
    this.#readers.delete(reader);
    reader.mailbox.close();
  }
}

/** Takes from the mailbox only what the connection asks for. */
function streamOf(mailbox: Mailbox, left: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const text = await mailbox.take();
        if (text === undefined) controller.close();
        else controller.enqueue(encoder.encode(text));
      },
      cancel() {
        left();
        mailbox.close();
      },
    },
    { highWaterMark: 0 },
  );
}
