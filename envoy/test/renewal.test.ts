import { once } from 'node:events';
import { connect } from 'node:tls';
import { eventually } from '@headgate/testkit/eventually';
import { expect, it } from 'vitest';
import { makePublicCertificates } from '../../scripts/setup/certificates.ts';
import { TestEnvoy } from './support/envoy.ts';
import { keepAsking } from './support/traffic.ts';
import { Upstream } from './support/upstream.ts';

const CONNECTIONS = 4;
const RENEWALS = 5;

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
  const traffic = keepAsking(envoy, { connections: CONNECTIONS });
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
