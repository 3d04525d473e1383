import type { IncomingMessage } from 'node:http';
import type { GatewayConfig } from '@headgate/contracts/config/schema';
import { refusedBodyBytes } from '@headgate/contracts/limits';
import type { ClientIp } from '../deps.ts';
import type { NodeEnv } from '../hand-over.ts';
import { ipSubject } from '../rate-limit/subject.ts';
import { Shares } from '../shares.ts';
import { PACE, type Pace, watchPace } from './pace.ts';

export interface LingerBounds {
  /** Answers that may wait at once, by shares of addresses; the next one goes out at once. */
  readonly requests: number;
  /** Most bytes of one body that are let pass by; an answer to a body that announces more does not wait. */
  readonly bytes: number;
  /** Age of a request at which its answer waits no longer, in ms. */
  readonly age_ms: number;
  /** An answer does not wait for a slower body. */
  readonly pace: Pace;
}

/**
 * Waits until the rest of a request's body has passed by, and keeps nothing of it. Resolves at the end of the body,
 * or of its connection, or when a bound is reached; never rejects.
 * A body that the client holds back is let in as well.
 *
 * @param ageMs since the request arrived
 */
export type Linger = (request: Request, env: unknown, ageMs: number) => Promise<void>;

/** A client that still sends goes on within a second, the look included. */
const LINGERING = { requests: 128, pace: { ...PACE, look_ms: 100, pause_ms: 900 } };

/** A refusal waits for any body that could have been accepted, and goes out before Envoy gives up. */
export function lingerBounds({ limits, deadline }: GatewayConfig): LingerBounds {
  return { ...LINGERING, bytes: refusedBodyBytes(limits), age_ms: 1.1 * deadline.max_ms };
}

/**
 * An answer that overtakes the body of its request is often lost: over HTTP/2 Envoy ends the answer and resets the
 * stream in one write, and a client that is still sending may report the reset alone. So the body goes first.
 */
export function createLinger(bounds: LingerBounds, clientIp: ClientIp): Linger {
  const waiting = new Shares(bounds.requests);
  return async function linger(request, env, ageMs) {
    const { incoming, heldBody } = env as NodeEnv;
    const address = ipSubject(clientIp(request, env));
    if (declaredBytes(incoming) > bounds.bytes || waiting.take(address, 1)) return;
    // A client may lose the answer to its head alone (decision 0050).
    heldBody?.invite();
    await passBy(incoming, { ...bounds, age_ms: bounds.age_ms - ageMs });
    waiting.give(address, 1);
  };
}

function passBy(incoming: IncomingMessage, { bytes, age_ms, pace }: LingerBounds): Promise<void> {
  return new Promise((resolve) => {
    let passedBytes = 0;
    const leave = () => {
      clearTimeout(whole);
      watched[Symbol.dispose]();
      incoming.off('data', onData).off('end', leave).off('error', leave).off('close', leave).pause();
      resolve();
    };
    const onData = (chunk: Buffer) => {
      passedBytes += chunk.byteLength;
      if (passedBytes > bytes) leave();
    };
    const whole = setTimeout(leave, age_ms);
    const watched = watchPace(pace, () => passedBytes, leave);
    incoming.on('data', onData).once('end', leave).once('error', leave).once('close', leave).resume();
  });
}

function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers['content-length']) || 0;
}
