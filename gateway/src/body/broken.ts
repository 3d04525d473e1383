import type { IncomingMessage } from 'node:http';
import type { HeadgateError } from '@headgate/contracts/errors';

const refusals = new WeakMap<IncomingMessage, HeadgateError>();

/** Ends the body of a request that turned out not to be HTTP, or took too long: its reader, now or later, is told. */
export function breakBody(incoming: IncomingMessage, refusal: HeadgateError): void {
  refusals.set(incoming, refusal);
  if (incoming.listenerCount('error') > 0) incoming.emit('error', refusal);
}

/** Why no more of a body can be read. */
export const brokenBy = (incoming: IncomingMessage): HeadgateError | undefined => refusals.get(incoming);
