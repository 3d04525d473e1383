import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

const ANSWERED = 0x8180;
const TYPE_A = 1;
const HEADER_BYTES = 12;

export interface TestDns extends AsyncDisposable {
  /** host:port */
  readonly address: string;
}

export interface DnsOptions {
  /** IPv4 address at which it listens. */
  readonly host?: string;
  /** IPv4 address of every name. */
  readonly answer?: string;
}

/** A name server over TCP and UDP. Every name has one record: an A. */
export async function startDns(options: DnsOptions = {}): Promise<TestDns> {
  const { host = '127.0.0.1', answer = '127.0.0.1' } = options;
  const server = createServer((socket) => answerQueries(socket, answer));
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const datagrams = createSocket('udp4');
  datagrams.on('message', (query, from) => datagrams.send(answerTo(query, answer), from.port, from.address));
  datagrams.bind(port, host);
  await once(datagrams, 'listening');
  return {
    address: `${host}:${port}`,
    async [Symbol.asyncDispose]() {
      datagrams.close();
      server.close();
      await once(server, 'close');
    },
  };
}

/** RFC 1035, 4.2.2: each message behind its length. */
function answerQueries(socket: Socket, address: string): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
      const end = 2 + received.readUInt16BE();
      const answer = answerTo(received.subarray(2, end), address);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
      received = received.subarray(end);
    }
  });
}

/** RFC 1035, 4.1: repeats the question; for type A one answer follows that points at its name. */
function answerTo(query: Buffer, address: string): Buffer {
  const question = query.subarray(HEADER_BYTES, endOfQuestion(query));
  const isA = question.readUInt16BE(question.length - 4) === TYPE_A;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  header.writeUInt16BE(ANSWERED, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(isA ? 1 : 0, 6);
  const bytes = address.split('.').map(Number);
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...bytes]);
  return Buffer.concat(isA ? [header, question, record] : [header, question]);
}

/** Offset after the name, the type and the class. */
function endOfQuestion(query: Buffer): number {
  let at = HEADER_BYTES;
  while (query.readUInt8(at) > 0) at += 1 + query.readUInt8(at);
  return at + 5;
}
