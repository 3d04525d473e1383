import type { IncomingMessage } from 'node:http';
import type { GatewayConfig } from '@headgate/contracts/config/schema';
import type { ClientIp } from '../deps.ts';
import type { NodeEnv } from '../hand-over.ts';
import { ipSubject } from '../rate-limit/subject.ts';
import { Shares } from '../shares.ts';

export interface LingerBounds {
  /** Answers that may wait at once, by shares of addresses; the next one goes out at once. */
  readonly requests: number;
  /** Most bytes of one body that are let pass by; an answer to a body that announces more does not wait. */
  readonly bytes: number;
  /** Longest wait of one answer, in ms. */
  readonly time_ms: number;
  /** An answer waits no longer when nothing has arrived for so long, in ms. */
  readonly pause_ms: number;
}

/**
 * Waits until the rest of a request's body has passed by, and keeps nothing of it. Resolves at the end of the body,
 * or of its connection, or when a bound is reached; never rejects.
 * A body that the client holds back is let in as well.
 */
export type Linger = (request: Request, env: unknown) => Promise<void>;

/** A client that still sends goes on within a second; ten seconds are the time of an upload. */
const LINGERING = { requests: 128, time_ms: 10_000, pause_ms: 1000 };

/** A refusal waits for any body that could have been accepted. */
export function lingerBounds({ limits }: GatewayConfig): LingerBounds {
  return { ...LINGERING, bytes: limits.body_bytes };
}

/**
 * An answer that overtakes the body of its request is often lost: over HTTP/2 Envoy ends the answer and resets the
 * stream in one write, and a client that is still sending may report the reset alone. So the body goes first.
 */
export function createLinger(bounds: LingerBounds, clientIp: ClientIp): Linger {
  const waiting = new Shares(bounds.requests);
  return async function linger(request, env) {
    const { incoming, heldBody } = env as NodeEnv;
    const address = ipSubject(clientIp(request, env));
    if (declaredBytes(incoming) > bounds.bytes || waiting.take(address, 1)) return;
    // A client may lose the answer to its head alone (decision 0050).
    heldBody?.invite();
    await passBy(incoming, bounds);
    waiting.give(address, 1);
  };
}

function passBy(incoming: IncomingMessage, { bytes, time_ms, pause_ms }: LingerBounds): Promise<void> {
  return new Promise((resolve) => {
    let passedBytes = 0;
    const leave = () => {
      clearTimeout(whole);
      clearTimeout(pause);
      incoming.off('data', onData).off('end', leave).off('error', leave).off('close', leave).pause();
      resolve();
    };
    const onData = (chunk: Buffer) => {
      passedBytes += chunk.byteLength;
      if (passedBytes > bytes) leave();
      else pause.refresh();
    };
    const whole = setTimeout(leave, time_ms);
    const pause = setTimeout(leave, pause_ms);
    incoming.on('data', onData).once('end', leave).once('error', leave).once('close', leave).resume();
  });
}

function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers['content-length']) || 0;
}
