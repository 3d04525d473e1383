import { once } from 'node:events';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthority, type Identity } from '../../scripts/setup/certificates.ts';
import { Entry, isClosed } from './entry.ts';
import { FakePrograms } from './fake-programs.ts';

/** As Envoy behind a load balancer: closes connections that begin otherwise than with a PROXY header. @returns the port */
async function startFront({ key, certificate }: Identity): Promise<number> {
  const site = createHttps({ key, cert: certificate }, (_, response) => response.end('inside'));
  const server = createServer((socket) => {
    socket.once('data', (bytes) => {
      const [header] =
        /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n/.exec(bytes.toString('latin1')) ?? [];
      if (header === undefined) return socket.destroy();
      socket.pause();
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
      site.emit('connection', socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

it('begins as a load balancer where Envoy demands the PROXY protocol', async () => {
  const authority = await createAuthority('test');
  const port = await startFront(await authority.issue('shop.example', 'server'));
  const entryWith = (proxyProtocol: boolean) =>
    new Entry(new FakePrograms([], port), {
      host: 'shop.example',
      trusted: authority.certificate,
      proxyProtocol,
      signal: new AbortController().signal,
    });
  await using entry = entryWith(true);
  expect((await entry.ask({ path: '/' })).body).toBe('inside');
  expect((await entry.ask({ path: '/' })).body).toBe('inside');
  await using other = entryWith(false);
  await expect(other.ask({ path: '/' })).rejects.toSatisfy(isClosed);
});
