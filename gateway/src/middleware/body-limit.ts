import { HeadgateError } from '@headgate/contracts/errors';
import { codingOf, decodeBody, UNDERSTOOD } from '../body/decode.ts';
import { type BodyBounds, emptyBody, type ReadBody, tooLarge } from '../body/read-body.ts';
import type { AppContext, Layer } from '../context.ts';
import type { OnAnswered } from '../deps.ts';
import type { Shares } from '../shares.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface BodyLimitOptions {
  /** Largest body in bytes, encoded and decoded. */
  readonly body_bytes: number;
  /** Requests that may be past this layer at once. */
  readonly slots: Shares;
  /** Bytes of bodies that these may hold together. */
  readonly heldBytes: Shares;
  /** How this host reads a body. */
  readonly readBody: ReadBody;
  /** A request is in progress until its answer has left: a caller that does not read holds it in memory. */
  readonly onAnswered: OnAnswered;
  readonly telemetry: Pick<Telemetry, 'bodyReceived'>;
}

/** When a slot is likely to be free again, in ms. */
const RETRY_AFTER_MS = 1000;

/**
 * Bounds what requests can hold, in total and by caller: how many there are, how large a body is, and the bytes of all
 * bodies. The body is read further in, by the route that wants one, through `readBody`, which also undoes
 * Content-Encoding.
 */
export function bodyLimit(options: BodyLimitOptions): Layer {
  const { body_bytes, slots, heldBytes: bytes, readBody, onAnswered, telemetry } = options;

  const readBodyOf = async (c: AppContext, holdBytes: BodyBounds['holdBytes']) => {
    const coding = knownCoding(c);
    const declared = declaredBytes(c);
    // Memory is set aside by the declared length.
    holdBytes(declared);
    const deadline = c.get('deadline');
    const bounds = { maxBytes: body_bytes, declaredBytes: declared, deadline, holdBytes };
    const body = await deadline.whileArriving(() => readBody(c.req.raw, c.env, bounds));
    telemetry.bodyReceived(body.byteLength);
    if (!coding) return body;
    const decoded = await decodeBody(body, coding, { maxBytes: body_bytes, holdMore: c.get('holdMore') });
    if (decoded.byteLength === 0) throw emptyBody();
    return decoded;
  };

  return async function bodyLimit(c, next) {
    if (declaredBytes(c) > body_bytes) {
      throw tooLarge(body_bytes);
    }
    const caller = c.get('identity')?.keyId ?? c.get('ipSubject');
    take(slots, caller, { amount: 1, unit: 'requests' });
    let heldBytes = 0;
    const holdBytes = (total: number) => {
      if (total <= heldBytes) return;
      take(bytes, caller, { amount: total - heldBytes, unit: 'bytes' });
      heldBytes = total;
    };
    c.set('holdMore', (more) => holdBytes(heldBytes + more));
    let hasArrived = false;
    c.set('readBody', async () => {
      const body = await readBodyOf(c, holdBytes);
      hasArrived = true;
      return body;
    });
    const letGo = () => {
      slots.give(caller, 1);
      if (heldBytes > 0) bytes.give(caller, heldBytes);
    };
    try {
      await next();
    } finally {
      // The rest of a refused body passes by before its answer leaves (decision 0125), and holds nothing meanwhile.
      if (c.error && !hasArrived) letGo();
      else onAnswered(c.env, letGo);
    }
  };
}

/** The coding of the body; a refusal of another one names those that are understood. */
function knownCoding(c: AppContext): ReturnType<typeof codingOf> {
  try {
    return codingOf(c.req.header('content-encoding'));
  } catch (refusal) {
    c.header('accept-encoding', UNDERSTOOD);
    throw refusal;
  }
}

/** @throws HeadgateError rate_limited when the caller has its share, overloaded when there is no room for anybody */
function take(shares: Shares, caller: string, { amount, unit }: { amount: number; unit: string }): void {
  const shortage = shares.take(caller, amount);
  if (!shortage) return;
  const [reason, detail] =
    shortage === 'all'
      ? (['overloaded', `Too many ${unit} are in progress.`] as const)
      : ([
          'rate_limited',
          `Your requests in progress hold ${shares.heldBy(caller)} of ${shares.total} ${unit}, your share at present; send the next one when the answer to one of them is read.`,
        ] as const);
  throw new HeadgateError(reason, detail, { retryAfterMs: RETRY_AFTER_MS });
}

/** What Content-Length announces; 0 when it is absent or no number. */
function declaredBytes(c: AppContext): number {
  return Number(c.req.header('content-length')) || 0;
}
