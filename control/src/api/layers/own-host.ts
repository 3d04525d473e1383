import { HEADER } from '@headgate/contracts/names';
import { isOwnHost } from '@headgate/runtime/internal-http';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { AdminError, type ApiLayer } from '../api-env.ts';

/** Refuses a Host that a web page could have made point here; callers who show the internal secret may use any. */
export function ownHost(secret: InternalSecret | undefined): ApiLayer {
  return async function ownHost(c, next) {
    const isKnown = secret?.accepts(c.req.header(HEADER.internalSecret));
    if (!isKnown && !isOwnHost(c.req.header('host'))) throw new AdminError('forbidden', EXPECTED);
    await next();
  };
}

const EXPECTED =
  'Host: expected an IP address, a name without dots, or one that ends in .svc, .local or .internal.';
