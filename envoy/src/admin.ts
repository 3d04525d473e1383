import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Config } from '@headgate/contracts/config/schema';
import { ConfigError } from '@headgate/runtime/load-config';

/** What the address of a unix socket holds, without the zero at its end. */
const MAX_SOCKET_BYTES = 107;

/**
 * Envoy's admin page is on a unix socket that only its user can open: the page can stop the process and shows
 * everything, and a port is open to every program and every browser of the machine. `probes.ts` has what others need.
 *
 * @param root absolute
 * @throws ConfigError when the path is too long for a socket
 */
export function adminSocket({ listen }: Config, root: string): string {
  const path = join(root, 'state/envoy', `${listen.port_base}.sock`);
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_BYTES) return path;
  const remedy = 'move the installation to a shorter path, or set HEADGATE_ROOT to one';
  throw new ConfigError(
    `${path} is a unix socket and has ${bytes} bytes of ${MAX_SOCKET_BYTES} possible ones; ${remedy}`,
  );
}

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

export interface AdminCall {
  readonly method?: 'GET' | 'POST';
  readonly signal: AbortSignal;
}

/** Asks for one page. @throws when nobody listens, or `signal` fires */
export async function askAdmin(socket: string, path: string, call: AdminCall): Promise<AdminAnswer> {
  const asked = request({ socketPath: socket, path, agent: false, ...call });
  const { promise, resolve, reject } = Promise.withResolvers<AdminAnswer>();
  asked.once('error', reject).once('response', (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  asked.end();
  return promise;
}

/** True once Envoy has its configuration and certificates and accepts connections. */
export async function isEnvoyReady(socket: string, signal: AbortSignal): Promise<boolean> {
  return askAdmin(socket, '/ready', { signal }).then(
    ({ status }) => status === 200,
    () => false,
  );
}
