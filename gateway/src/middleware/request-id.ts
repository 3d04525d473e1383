import { HEADER, PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import type { Layer } from '../context.ts';

export interface RequestIdOptions {
  /** Makes an id when the caller (or Envoy) sent none that is fit to be logged. */
  readonly newId?: () => string;
}

/** What may be logged and answered as it is. Envoy sends a UUID. */
const SANE_ID = /^[A-Za-z0-9._:-]{1,64}$/;

const PROTECTIVE = Object.entries(PROTECTIVE_HEADERS);

/** Gives every request an id, answers it, and adds the headers that every answer has. */
export function requestId({ newId = () => crypto.randomUUID() }: RequestIdOptions = {}): Layer {
  return async function requestId(c, next) {
    const sent = c.req.header(HEADER.requestId);
    const id = sent !== undefined && SANE_ID.test(sent) ? sent : newId();
    c.set('requestId', id);
    c.header(HEADER.requestId, id);
    for (const [name, value] of PROTECTIVE) c.header(name, value);
    await next();
  };
}
