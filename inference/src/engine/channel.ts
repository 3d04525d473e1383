import type { ChildProcess } from 'node:child_process';

/** One end of the IPC channel between the front and an engine. */
type End = ChildProcess | NodeJS.Process;

/**
 * Sends messages in groups: all of one turn of the event loop travel together. Each write, and each wake-up at the
 * other end, costs more than a message.
 */
export function createOutbox<Message>(end: End): (message: Message) => void {
  let group: Message[] = [];
  const flush = () => {
    const full = group;
    group = [];
    // A closed channel is no error here: the end of the process tells.
    if (end.connected) (end as ChildProcess).send(full as object[], () => {});
  };
  return (message) => {
    if (group.push(message) === 1) setImmediate(flush);
  };
}

/** Calls `listener` for each message that arrives, in order. */
export function onMessage<Message>(end: End, listener: (message: Message) => void): void {
  (end as ChildProcess).on('message', (group: readonly Message[]) => {
    for (const message of group) listener(message);
  });
}
