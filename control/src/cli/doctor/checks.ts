import { once } from 'node:events';
import { connect } from 'node:net';
import type { DependencyView } from '@headgate/contracts/admin/api';
import { type Listener, portOf } from '@headgate/contracts/names';
import { InternalSecretError, readInternalSecret } from '@headgate/runtime/internal-secret';
import type { Installation } from '../surroundings.ts';

/** As control reports its dependencies, so that both make one list. */
export type Finding = Omit<DependencyView, 'checked_at_ms'>;

const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail, remedy: '' });
const down = (name: string, detail: string, remedy: string): Finding => ({
  name,
  state: 'down',
  detail,
  remedy,
});
const off = (name: string, detail: string): Finding => ({ name, state: 'off', detail, remedy: '' });

const NODE_MAJOR = 24;

export function nodeVersion(version: string): Finding {
  if (Number.parseInt(version, 10) >= NODE_MAJOR) return ok('node', version);
  return down('node', `${version} is too old`, `run npm ci in the checkout, which brings Node ${NODE_MAJOR}`);
}

export function internalSecret({ root, config: { listen } }: Installation): Finding {
  const name = 'internal secret';
  if (listen.internal_secret_file === '') return off(name, 'none is configured');
  try {
    readInternalSecret(listen, root);
    return ok(name, 'can be read');
  } catch (thrown) {
    if (!(thrown instanceof InternalSecretError)) throw thrown;
    return down(name, thrown.problem, 'make it readable for this user, or run npm run setup');
  }
}

const LISTENERS = [
  'https',
  'gateway',
  'gatewayInternal',
  'inferenceGrpc',
  'inferenceInternal',
  'control',
] as const;
const CONNECT_WITHIN_MS = 1000;

/** Which parts of the installation on this machine accept connections. */
export async function listeners({ config }: Installation): Promise<Finding> {
  const name = 'ports';
  const isElsewhere = config.records.control_target !== '' || config.routing_config_map !== '';
  if (isElsewhere) return off(name, 'the parts run on other machines');
  const closed: string[] = [];
  for (const listener of LISTENERS) {
    if (!(await accepts(config, listener)))
      closed.push(`${portOf(config.listen.port_base, listener)} (${listener})`);
  }
  if (closed.length === 0) return ok(name, 'all parts accept connections');
  const remedy =
    closed.length === LISTENERS.length
      ? 'start the service: npm start; for other ports set HEADGATE_LISTEN__PORT_BASE'
      : 'npm start restarts its parts; its output and the logs below state/logs say why one ended';
  return down(name, `nothing listens on ${closed.join(', ')}`, remedy);
}

async function accepts({ listen }: Installation['config'], listener: Listener): Promise<boolean> {
  const host = listener === 'https' ? listen.host : listen.internal_host;
  const socket = connect({
    host: host === '0.0.0.0' ? '127.0.0.1' : host,
    port: portOf(listen.port_base, listener),
  });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_WITHIN_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
