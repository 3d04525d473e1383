/** Constants that several parts must agree on. */

/** Idle connections are closed by the client's side first, Envoy before the gateway (decision 0009): otherwise random 503s. */
export const IDLE_MS = { envoyUpstream: 55_000, gatewayKeepAlive: 65_000, gatewayHeaders: 66_000 } as const;

/** Headers of a request. Envoy refuses more than that, so that the gateway has room for what Envoy adds. */
export const HEADER_KIB = { envoy: 16, gateway: 20 } as const;

/** Age at which clients of inference must reconnect, so that new pods get their share (decision 0008), and the time for calls in progress. */
export const CONNECTION_AGE_MS = { max: 300_000, grace: 30_000 } as const;

/** Pixels along a side of an image: decoders work by rows, and 40 million rows of one pixel take seconds. */
export const MAX_IMAGE_SIDE = 32_768;

/**
 * A body of up to this size is read to its end before it is refused, because many clients read no answer before they have
 * sent all of theirs (decision 0125).
 */
export function refusedBodyBytes({ body_bytes }: { readonly body_bytes: number }): number {
  return Math.max(body_bytes, 64 * 2 ** 20);
}
