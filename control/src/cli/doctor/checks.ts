import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import type { DependencyView } from '@headgate/contracts/admin/api';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { type Listener, portOf } from '@headgate/contracts/names';
import { routingSchema } from '@headgate/contracts/routing';
import { InternalSecretError, readInternalSecret } from '@headgate/runtime/internal-secret';
import { parseYaml } from '@headgate/runtime/parse-yaml';
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

export function routingFile({ root, config }: Installation): Finding {
  const name = 'routing table';
  if (config.routing_config_map !== '')
    return off(name, `ConfigMap ${config.routing_config_map}; control reports on it`);
  const path = resolve(root, config.routing_file);
  let document: unknown;
  try {
    document = parseYaml(readFileSync(path, 'utf8'));
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return down(name, `${path}: ${why}`, 'correct the file; npm start makes one where there is none');
  }
  const { success, error } = routingSchema.safeParse(document, IN_WORDS);
  if (success) return ok(name, `${path} is valid`);
  const why = describeIssues(error).join('; ');
  return down(name, `${path}: ${why}`, 'correct the file; the last good table stays in force');
}

/** Spools, logs and the embedded database grow there. */
const SPACE = { degraded: 2 * 2 ** 30, down: 256 * 2 ** 20 };

export async function diskSpace({ root, config }: Installation): Promise<Finding> {
  const name = 'disk space';
  const dir = resolve(root, config.records.spool_dir, '..');
  const { bavail, bsize } = await statfs(dir).catch(() => statfs(root));
  const free = bavail * bsize;
  const detail = `${(free / 2 ** 30).toFixed(1)} GiB free for records and logs`;
  const state = free < SPACE.down ? 'down' : free < SPACE.degraded ? 'degraded' : 'ok';
  return { name, state, detail, remedy: state === 'ok' ? '' : `make room in ${dir}` };
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
  if (config.records.control_target !== '') return off(name, 'the parts run on other machines');
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
