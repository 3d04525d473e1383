import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** A connection on which every byte is ours: for requests that no HTTP client would send. */
export interface RawSocket extends AsyncDisposable {
  write(text: string | Uint8Array): void;
  /** Waits for the head and body of the next answer; undefined when the connection ends before it. */
  answer(): Promise<RawAnswer | undefined>;
  destroy(): void;
}

export async function rawSocket(port: number): Promise<RawSocket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // A refusal may close the connection while we still write: that is an end like any other.
  socket.on('error', () => undefined);
  const received = receive(socket);
  return {
    write: (text) => void socket.write(text),
    answer: () => received.next(),
    destroy: () => socket.destroy(),
    [Symbol.asyncDispose]: async () => void socket.destroy(),
  };
}

function receive(socket: Socket): { next(): Promise<RawAnswer | undefined> } {
  let text = '';
  let ended = false;
  let wake = () => {};
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    wake();
  });
  socket.on('close', () => {
    ended = true;
    wake();
  });
  return {
    async next() {
      for (;;) {
        const answer = firstAnswer(text);
        if (answer) {
          text = text.slice(answer.text.length);
          return answer;
        }
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** The first whole answer in a text; every answer of ours has a Content-Length. */
function firstAnswer(text: string): RawAnswer | undefined {
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd < 4) return undefined;
  const head = text.slice(0, headEnd);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  if (text.length < headEnd + length) return undefined;
  return { status: Number(head.split(' ')[1]), text: text.slice(0, headEnd + length) };
}
