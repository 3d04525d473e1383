import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { createAuthority } from '../../../scripts/setup/certificates.ts';
import { tempDir, writeText } from '../folders.ts';

export interface ApiRequest {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface ApiServer extends AsyncDisposable {
  /** Variables and folder of a pod's service account. */
  readonly env: { KUBERNETES_SERVICE_HOST: string; KUBERNETES_SERVICE_PORT: string };
  readonly dir: string;
  /** What arrived, oldest first. */
  readonly requests: readonly ApiRequest[];
}

/**
 * A TLS server on loopback that stands where a pod expects the Kubernetes API, with a service account's files.
 *
 * @param answer gets each request, and may keep the response open as a watch does
 */
export async function startApiServer(
  answer: (request: ApiRequest, response: ServerResponse) => void,
): Promise<ApiServer> {
  const authority = await createAuthority('kubernetes');
  const { certificate: cert, key } = await authority.issue('kube-apiserver', 'server');
  const requests: ApiRequest[] = [];
  const server = createServer({ cert, key }, async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const isEmpty = headers['content-length'] === undefined;
    const body = isEmpty ? undefined : await json(request);
    const received = { method, path, headers, body };
    requests.push(received);
    answer(received, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const files = { 'ca.crt': authority.certificate, token: 'token-1\n', namespace: 'shop' };
  const dir = tempDir();
  for (const [name, text] of Object.entries(files)) writeText(join(dir, name), text);
  const { port } = server.address() as AddressInfo;
  return {
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: `${port}` },
    dir,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
