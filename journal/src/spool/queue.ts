import type { DropCause } from '@headgate/contracts/records';

/** Bytes, or what makes them once it is this record's turn, off the way of the request. Must not throw. */
export type Payload = Uint8Array | (() => Uint8Array);

/** A record that waits to be written. */
export interface Waiting {
  readonly payload: Payload;
  /** Absent for a record that nobody waits for. */
  readonly durable?: {
    readonly kept: (sequence: number) => void;
    readonly refused: (cause: DropCause, error?: unknown) => void;
  };
}

/** Records in the order in which they came. */
export interface WaitingQueue {
  /** False when it is full. */
  push(waiting: Waiting): boolean;
  shift(): Waiting | undefined;
  readonly size: number;
}

/** @param max records; more are refused */
export function createQueue(max: number): WaitingQueue {
  let incoming: Waiting[] = [];
  let outgoing: Waiting[] = [];
  return {
    push(waiting) {
      if (incoming.length + outgoing.length >= max) return false;
      incoming.push(waiting);
      return true;
    },
    shift() {
      if (outgoing.length === 0) [outgoing, incoming] = [incoming.reverse(), []];
      return outgoing.pop();
    },
    get size() {
      return incoming.length + outgoing.length;
    },
  };
}
