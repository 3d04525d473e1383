import { once } from 'node:events';
import { Agent, request as tlsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { expect, it } from 'vitest';
import { makePublicCertificates } from '../../scripts/setup/certificates.ts';
import { TestEnvoy } from './support/envoy.ts';
import { eventually } from './support/eventually.ts';
import { Upstream } from './support/upstream.ts';

const CONNECTIONS = 4;
const RENEWALS = 5;

interface Traffic {
  /** Requests answered with 200. */
  answered: number;
  /** What came instead, if anything did. */
  readonly failures: string[];
  /** Connections that were opened. */
  opened: number;
  stop(): Promise<void>;
}

/** One request after the other on each of a few connections that are kept alive, until told to stop. */
function keepAsking(envoy: TestEnvoy): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: envoy.ca });
  let stopped = false;
  const traffic = { answered: 0, failures: [] as string[], opened: 0 };
  const ask = async () => {
    const request = tlsRequest({ host: 'localhost', port: envoy.httpsPort, agent });
    request.once('socket', () => {
      if (!request.reusedSocket) traffic.opened += 1;
    });
    request.end();
    const [response] = await once(request, 'response');
    await text(response);
    if (response.statusCode === 200) traffic.answered += 1;
    else traffic.failures.push(String(response.statusCode));
  };
  const caller = async () => {
    while (!stopped) await ask().catch((error: Error) => traffic.failures.push(error.message));
  };
  const callers = Promise.all(Array.from({ length: CONNECTIONS }, caller));
  return Object.assign(traffic, {
    async stop() {
      stopped = true;
      await callers;
      agent.destroy();
    },
  });
}

/** Serial number of the certificate that a new connection sees. */
async function servedSerial(envoy: TestEnvoy, ca: string[]): Promise<string> {
  const socket = connect({ host: 'localhost', port: envoy.httpsPort, ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

it('a certificate that is renewed again and again costs no request and no connection', async () => {
  await using envoy = await TestEnvoy.start();
  await using _upstream = await Upstream.listen(envoy);
  const authorities = [envoy.ca];
  const serials = new Set([await servedSerial(envoy, authorities)]);
  const traffic = keepAsking(envoy);
  try {
    for (let renewal = 1; renewal <= RENEWALS; renewal += 1) {
      await makePublicCertificates(envoy.files.publicDir);
      authorities.push(envoy.ca);
      const before = traffic.answered;
      await eventually(
        async () => !serials.has(await servedSerial(envoy, authorities)),
        'new connections see the new certificate',
      );
      serials.add(await servedSerial(envoy, authorities));
      await eventually(() => traffic.answered > before, 'requests go on');
    }
  } finally {
    await traffic.stop();
  }
  expect(serials.size).toBe(RENEWALS + 1);
  expect(traffic.failures).toEqual([]);
  expect(traffic.opened).toBe(CONNECTIONS);
  expect(envoy.hasExited).toBe(false);
});
