import { once } from 'node:events';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { eventually } from '@headgate/testkit/eventually';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { createAuthority, writeAll } from '../../scripts/setup/certificates.ts';
import { TestEnvoy } from './support/envoy.ts';
import { SecretVolume } from './support/secret-volume.ts';
import { keepAsking } from './support/traffic.ts';
import { Upstream } from './support/upstream.ts';

const CONNECTIONS = 4;
const RENEWALS = 5;

/** Serial number of the certificate that a new connection sees. */
async function servedSerial(envoy: TestEnvoy, ca: string): Promise<string> {
  const socket = connect({ host: 'localhost', port: envoy.httpsPort, ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

type Put = (files: Record<string, string>) => void;

it.each<[string, (dir: string) => Put]>([
  ['files that are renamed', (dir) => (files) => writeAll(dir, files)],
  [
    'the Secret of a Kubernetes volume',
    (dir) => {
      const volume = new SecretVolume(dir);
      return (files) => volume.put(files);
    },
  ],
])('a certificate renewed again and again in %s costs no request and no connection', async (_, open) => {
  const dir = join(tempDir(), 'tls');
  const put = open(dir);
  const { certificate: ca, issue } = await createAuthority('renewal test');
  const renew = async () => {
    const { certificate, key } = await issue('localhost', 'server');
    put({ 'tls.key': key, 'tls.crt': certificate });
  };
  await renew();
  await using envoy = await TestEnvoy.start({ HEADGATE_ENVOY__TLS_DIR: dir });
  await using _upstream = await Upstream.listen(envoy);
  const serials = new Set([await servedSerial(envoy, ca)]);
  const traffic = keepAsking(envoy, { connections: CONNECTIONS, tls: { ca } });
  try {
    for (let renewal = 1; renewal <= RENEWALS; renewal += 1) {
      await renew();
      const before = traffic.answered;
      await eventually(
        async () => !serials.has(await servedSerial(envoy, ca)),
        'new connections see the new certificate',
      );
      serials.add(await servedSerial(envoy, ca));
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
