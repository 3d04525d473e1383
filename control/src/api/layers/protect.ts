import { PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import type { ApiLayer } from '../api-env.ts';

const FOR_ALL = {
  ...PROTECTIVE_HEADERS,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

/** What every answer tells a browser; pages of the console loosen it for themselves. */
export function protect(): ApiLayer {
  return async function protect(c, next) {
    for (const [name, value] of Object.entries(FOR_ALL)) c.header(name, value);
    await next();
  };
}
