import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { request as plainRequest } from 'node:http';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { portOf } from '@headgate/contracts/names';
import type { TestEnvoy } from '../../envoy/test/support/envoy.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import { type Seen, seenWhile } from './others.ts';

/** Attackers and other clients of a real Envoy, each with an address of its own. */

export interface Crowd extends AsyncDisposable {
  /** The next report; the first one comes when all connections have been tried. */
  report(): Promise<CrowdReport>;
}

/** Starts the process that holds connections. */
export function startCrowd(options: CrowdOptions): Crowd {
  const child: ChildProcess = fork(join(import.meta.dirname, 'crowd.ts'), [JSON.stringify(options)], {
    execArgv: [],
  });
  return {
    report: async () => {
      const [report] = await once(child, 'message', { signal: AbortSignal.timeout(100_000) });
      return report as CrowdReport;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** A listener, and how a client finds out whether it is served there over a new connection. */
export interface Door {
  readonly port: number;
  serves(localAddress: string): Promise<boolean>;
}

const WITHIN_MS = 5000;

export function publicDoor(envoy: TestEnvoy): Door {
  const port = envoy.httpsPort;
  const host = { host: '127.0.0.1', servername: 'localhost', port, headers: { host: 'localhost' } };
  const serves = async (localAddress: string) => {
    const options = { ...host, localAddress, ca: envoy.ca, agent: new Agent(), timeout: WITHIN_MS };
    return (await answer(request(options))) === 200;
  };
  return { port, serves };
}

export function redirectDoor({ redirectPort: port }: TestEnvoy): Door {
  const serves = async (localAddress: string) =>
    (await answer(
      plainRequest({ host: '127.0.0.1', port, localAddress, agent: false, timeout: WITHIN_MS }),
    )) === 308;
  return { port, serves };
}

export function probesDoor({ config }: TestEnvoy): Door {
  const port = portOf(config.listen.port_base, 'envoyInternal');
  const host = { host: '127.0.0.1', port, path: '/ready', agent: false, timeout: WITHIN_MS } as const;
  return {
    port,
    serves: async (localAddress) => (await answer(plainRequest({ ...host, localAddress }))) === 200,
  };
}

/** A client is served here when it learns the settings of HTTP/2. */
export function internalDoor({ config, files }: TestEnvoy): Door {
  const port = portOf(config.listen.port_base, 'internalGrpcMtls');
  const identity = {
    ca: files.readInternal('ca.crt'),
    key: files.readInternal('client.key'),
    cert: files.readInternal('client.crt'),
  };
  const serves = async (localAddress: string) => {
    const options = { ...identity, localAddress };
    const session = connect(`https://localhost:${port}`, options).on('error', () => undefined);
    const settings = once(session, 'remoteSettings', { signal: AbortSignal.timeout(WITHIN_MS) });
    await settings.finally(() => session.destroy());
    return true;
  };
  return { port, serves };
}

async function answer(outgoing: ReturnType<typeof request>): Promise<number | undefined> {
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time'))).end();
  const [response] = await once(outgoing, 'response');
  await once(response.resume(), 'end');
  return response.statusCode;
}

/** Milliseconds between two requests. */
const EVERY_MS = 25;

/** Others ask at a constant rate, each time over a new connection and from the next address, while `during` runs. */
export function askWhile(
  door: Door,
  addresses: readonly string[],
  during: () => Promise<unknown>,
): Promise<Seen> {
  const address = (i: number) => addresses[i % addresses.length] as string;
  return seenWhile(EVERY_MS, (i) => door.serves(address(i)).catch(() => false), during);
}

/** Those of `addresses` that count against another share of the public listener than `attacker`. */
export async function strangers(
  envoy: TestEnvoy,
  attacker: string,
  addresses: readonly string[],
): Promise<readonly string[]> {
  const door = publicDoor(envoy);
  const all = [attacker, ...addresses];
  await Promise.all(all.map((address) => door.serves(address)));
  const entries = all.map((address) => envoy.accessEntry(({ client }) => client === address));
  const [mine, ...theirs] = (await Promise.all(entries)).map(({ share }) => share);
  return addresses.filter((_, i) => theirs[i] !== mine);
}
