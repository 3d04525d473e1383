import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HeadgateError } from '@headgate/contracts/errors';
import { OTHER } from '@headgate/contracts/names';
import { getRequestListener } from '@hono/node-server';
import { breakBody } from './body/broken.ts';
import { boundPieces } from './body/pieces.ts';
import { normalise } from './normalise.ts';
import { endWith, leave, refusalOf } from './unreadable.ts';

/** An app on Web-standard request and response. */
export type Fetch = (request: Request, env: unknown) => Response | Promise<Response>;

/** What this host tells the app about a request, as second argument of `app.fetch`. */
export interface NodeEnv {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Why it is no valid request; the app refuses it inside its onion. */
  readonly malformed?: HeadgateError | undefined;
  readonly heldBody?: HeldBody | undefined;
}

/** A body that the client holds back until it is asked for (`Expect: 100-continue`). */
interface HeldBody {
  /** Asks for it, at most once. */
  readonly invite: () => void;
}

type Note = Pick<NodeEnv, 'malformed' | 'heldBody'>;

/** Stands for what has no request of its own. */
const nothing = () => new Request('http://gateway/', { method: OTHER });

/**
 * Hands everything that arrives at Node's server to the app, so that nothing is answered outside of its onion: requests
 * that Node or the adapter would answer themselves, and bytes that are no request, which come as one that is malformed.
 *
 * @param fetch the app, as requests reach it
 * @param refuse the app, as bytes that are no request reach it; must not wait for a body
 */
export function handOver(server: Server, fetch: Fetch, refuse: Fetch): void {
  const notes = new WeakMap<IncomingMessage, Note>();
  const last = new WeakMap<Socket, Pick<NodeEnv, 'incoming' | 'outgoing'>>();

  const listener = getRequestListener(async (request, env) => {
    const { incoming } = env as NodeEnv;
    const known = { ...env, ...notes.get(incoming) };
    try {
      return await fetch(request, known);
    } catch (cause) {
      // Thrown before the onion, which answers everything that is thrown inside: let it answer this as well.
      return refuse(nothing(), { ...known, malformed: cause });
    }
  });
  const take = (incoming: IncomingMessage, outgoing: ServerResponse, heldBody?: HeldBody) => {
    last.set(incoming.socket, { incoming, outgoing });
    boundPieces(incoming, (why) => refuseBody(incoming, outgoing, why));
    const malformed = normalise(incoming);
    if (malformed || heldBody) notes.set(incoming, { malformed, heldBody });
    void listener(incoming, outgoing);
  };

  server.on('request', (incoming, outgoing) => take(incoming, outgoing));
  // RFC 9110, 10.1.1: a server may ignore an unknown expectation.
  server.on('checkExpectation', (incoming, outgoing) => take(incoming, outgoing));
  server.on('checkContinue', (incoming, outgoing) => {
    const { shouldKeepAlive } = outgoing;
    // Without the invitation the client may send the body or not: the next bytes could be body or request.
    outgoing.shouldKeepAlive = false;
    let isInvited = false;
    const invite = () => {
      if (isInvited) return;
      isInvited = true;
      outgoing.shouldKeepAlive = shouldKeepAlive;
      outgoing.writeContinue();
    };
    take(incoming, outgoing, { invite });
  });
  server.on('connect', (incoming, duplex) => {
    // From Node's own server, this is always its socket.
    const socket = duplex as Socket;
    const outgoing = new ServerResponse(incoming);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(socket);
    outgoing.once('finish', () => leave(socket));
    socket.on('error', () => socket.destroy());
    take(incoming, outgoing);
  });
  answerBrokenBytes(server, refuse, (socket) => last.get(socket));
}

/** @param lastOf the last request of a connection */
function answerBrokenBytes(
  server: Server,
  refuse: Fetch,
  lastOf: (socket: Socket) => Pick<NodeEnv, 'incoming' | 'outgoing'> | undefined,
): void {
  const refused = new WeakSet<Socket>();
  const answerWith = async (socket: Socket, refusal: HeadgateError): Promise<void> => {
    if (!socket.writable) return void socket.destroy();
    const env = { incoming: { socket, headers: {} }, malformed: refusal };
    await endWith(socket, await refuse(nothing(), env));
  };
  server.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    const socket = duplex as Socket;
    if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy();
    // The parser says so again for each packet that follows.
    if (refused.has(socket)) return;
    refused.add(socket);
    const refusal = refusalOf(error.code);
    const { incoming, outgoing } = lastOf(socket) ?? {};
    const answer = () => void answerWith(socket, refusal).catch(() => socket.destroy());
    if (!incoming || !outgoing) return answer();
    if (incoming.complete) return outgoing.writableFinished ? answer() : outgoing.once('close', answer);
    refuseBody(incoming, outgoing, refusal);
  });
}

/** Of a request that the app has: there is one answer, the app's. */
function refuseBody(incoming: IncomingMessage, outgoing: ServerResponse, refusal: HeadgateError): void {
  if (outgoing.headersSent) {
    leave(incoming.socket);
    return;
  }
  outgoing.shouldKeepAlive = false;
  breakBody(incoming, refusal);
}
