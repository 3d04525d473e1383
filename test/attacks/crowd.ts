import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

/** A process that holds as many connections as it can get from one address. Started by `startCrowd`. */

export interface CrowdOptions {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  readonly count: number;
  /** What a connection does before it falls silent. */
  readonly kind: 'nothing' | 'handshake' | 'half a request' | 'a request';
}

/** What the crowd tells its parent, each time that it has tried all its connections. */
export interface CrowdReport {
  readonly open: number;
  readonly closed: number;
}

const AT_ONCE = 50;
/** After this time refused connections are known, and the first of them are tried again. */
const AGAIN_MS = 500;
const SETTLE_MS = 2000;

const HALF = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ';

async function open({ host, port, localAddress, kind }: CrowdOptions): Promise<Socket | undefined> {
  const socket = connect({ host, port, localAddress });
  // Only a socket that is read notices its end.
  socket.on('error', () => undefined).resume();
  if (!(await settled(socket, 'connect'))) return undefined;
  if (kind === 'nothing') return socket;
  socket.pause();
  const secure = connectTls({ socket, servername: 'localhost', rejectUnauthorized: false });
  secure.on('error', () => undefined).resume();
  if (!(await settled(secure, 'secureConnect'))) return undefined;
  if (kind !== 'handshake') secure.write(HALF);
  if (kind === 'a request') secure.write('1\r\n\r\n');
  return secure;
}

async function settled(socket: Socket, event: string): Promise<boolean> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(SETTLE_MS)]);
  socket.once('close', () => stop.abort());
  return once(socket, event, { signal }).then(
    () => true,
    () => {
      socket.destroy();
      return false;
    },
  );
}

async function hold(options: CrowdOptions): Promise<never> {
  const connections: (Socket | undefined)[] = [];
  const openAt = async (place: number) => {
    connections[place] = await open(options);
  };
  for (let place = 0; place < options.count; place += AT_ONCE) {
    const last = Math.min(place + AT_ONCE, options.count);
    await Promise.all(Array.from({ length: last - place }, (_, i) => openAt(place + i)));
  }
  for (;;) {
    await pause(AGAIN_MS);
    const missing = Array.from(connections.keys()).filter((place) => connections[place]?.destroyed ?? true);
    const report: CrowdReport = { open: options.count - missing.length, closed: missing.length };
    if (process.connected) process.send?.(report);
    await Promise.all(missing.slice(0, AT_ONCE).map(openAt));
  }
}

process.on('disconnect', () => process.exit()).on('error', () => process.exit());
await hold(JSON.parse(process.argv[2] ?? '') as CrowdOptions);
