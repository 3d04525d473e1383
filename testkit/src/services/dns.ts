import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

const ANSWERED = 0x8180;
const TYPE_A = 1;
const HEADER_BYTES = 12;

export interface TestDns extends AsyncDisposable {
  /** host:port */
  readonly address: string;
}

/** A name server on loopback, over TCP only. Every name has one record: A 127.0.0.1. */
export async function startDns(): Promise<TestDns> {
  const server = createServer(answerQueries);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** RFC 1035, 4.2.2: each message behind its length. */
function answerQueries(socket: Socket): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
      const end = 2 + received.readUInt16BE();
      const answer = answerTo(received.subarray(2, end));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
      received = received.subarray(end);
    }
  });
}

/** RFC 1035, 4.1: repeats the question; for type A one answer follows that points at its name. */
function answerTo(query: Buffer): Buffer {
  const question = query.subarray(HEADER_BYTES, endOfQuestion(query));
  const isA = question.readUInt16BE(question.length - 4) === TYPE_A;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(ANSWERED, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(isA ? 1 : 0, 6);
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat(isA ? [header, question, record] : [header, question]);
}

/** Offset after the name, the type and the class. */
function endOfQuestion(query: Buffer): number {
  let at = HEADER_BYTES;
  while (query.readUInt8(at) > 0) at += 1 + query.readUInt8(at);
  return at + 5;
}
