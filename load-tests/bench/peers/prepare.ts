import type { OwnRun } from '../benchmark.ts';
import { behindEnvoy } from './behind-envoy.ts';
import type { Contender } from './contender.ts';
import { headgate } from './headgate.ts';
import { preparePeer } from './peer.ts';
import { PEERS } from './servers.ts';

/** Id and door of FastAPI as a public service: the peer that the whole path is compared with like for like. */
export const GUARDED = { id: 'fastapi-guarded', name: 'FastAPI behind Envoy, key, limiter' };

/** Everything that can be measured but the bare loop. */
export const SERVERS = ['headgate', ...PEERS.map(({ id }) => id), GUARDED.id];

/** A server with its packages in place. @throws Error when it is unknown, or they cannot be installed */
export async function prepare(id: string, run: OwnRun): Promise<Contender> {
  if (id === 'headgate') return headgate(run.dir);
  if (id === GUARDED.id) return behindEnvoy(await prepare('fastapi', run), GUARDED.name, run);
  const spec = PEERS.find((one) => one.id === id);
  if (!spec) throw new TypeError(`no server is called ${id}`);
  return await preparePeer(spec, run);
}
