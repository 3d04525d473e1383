import type { ChildProcess } from 'node:child_process';

/** One end of the IPC channel between the front and an engine. */
type End = ChildProcess | NodeJS.Process;

export interface Outbox<Message> {
  send(message: Message): void;
  /** Sends it together with the next message. */
  hold(message: Message): void;
}

/**
 * Sends messages in groups: all of one turn of the event loop travel together. Each write, and each wake-up at the
 * other end, costs more than a message.
 */
export function createOutbox<Message>(end: End): Outbox<Message> {
  let group: Message[] = [];
  let isScheduled = false;
  const flush = () => {
    const full = group;
    group = [];
    isScheduled = false;
    // A closed channel is no error here: the end of the process tells.
    if (end.connected) (end as ChildProcess).send(full as object[], () => {});
  };
  return {
    hold: (message) => void group.push(message),
    send(message) {
      group.push(message);
      if (!isScheduled) process.nextTick(flush);
      isScheduled = true;
    },
  };
}

/** Calls `listener` for each message that arrives, in order. */
export function onMessage<Message>(end: End, listener: (message: Message) => void): void {
  (end as ChildProcess).on('message', (group: readonly Message[]) => {
    for (const message of group) listener(message);
  });
}
