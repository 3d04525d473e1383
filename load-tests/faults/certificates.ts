import { once } from 'node:events';
import { connect } from 'node:tls';
import { createAuthority, writeAll } from '../../scripts/setup/certificates.ts';

/** The public certificate of a run, and the authority that signs the next one. */
export interface Certificates {
  readonly dir: string;
  renew(): Promise<void>;
  /** Serial number of what a new connection to `port` is shown. */
  servedSerial(port: number): Promise<string>;
}

export async function makeCertificates(dir: string): Promise<Certificates> {
  const authority = await createAuthority('Headgate faults CA');
  const renew = async () => {
    const { certificate, key } = await authority.issue('localhost', 'server');
    writeAll(dir, { 'ca.crt': authority.certificate, 'tls.key': key, 'tls.crt': certificate });
  };
  await renew();
  return {
    dir,
    renew,
    async servedSerial(port) {
      const socket = connect({ host: 'localhost', port, ca: authority.certificate });
      await once(socket, 'secureConnect');
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    },
  };
}
