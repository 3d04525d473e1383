import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import { findBinaries } from './binaries.ts';
import { type Daemon, startInFolder } from './daemon.ts';
import { serviceDir, serviceUser, writeFor } from './user.ts';

export interface TestRedis extends Daemon {
  /** With its password. */
  readonly url: string;
}

const ANSWER_WITHIN_MS = 1000;

/**
 * A real Redis on a free port of the loopback interface, with a password and without files: a restart loses its
 * data. Close it after the tests.
 *
 * @throws Error when it is not installed or not ready in time
 */
export async function startRedis(): Promise<TestRedis> {
  const { redisServer } = findBinaries();
  if (redisServer === undefined) {
    throw new Error(
      'redis-server is not installed; `npm test` installs it as root, or apt-get install redis-server',
    );
  }
  const user = serviceUser();
  const dir = serviceDir('redis', user);
  const port = await freePort();
  const password = randomBytes(16).toString('hex');
  const configFile = join(dir, 'redis.conf');
  writeFor(user, configFile, redisConfig(port, dir, password));
  const daemon = await startInFolder({
    command: redisServer,
    args: [configFile],
    cwd: dir,
    user,
    port,
    logFile: join(dir, 'redis.log'),
    stopSignal: 'SIGTERM',
    isReady: () => answersPing(port, password),
  });
  return { ...daemon, url: `redis://:${password}@127.0.0.1:${port}` };
}

function redisConfig(port: number, dir: string, password: string): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${dir}`,
    `requirepass ${password}`,
    'save ""',
    'appendonly no',
    'daemonize no',
    '',
  ].join('\n');
}

/** True when a Redis with that password answers. */
function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    let text = '';
    const settle = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('end', () => settle(false));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('+PONG')) settle(true);
    });
  });
}
