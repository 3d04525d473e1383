import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { adminSocket, isEnvoyReady } from '@headgate/envoy/admin';
import { envoyArguments } from '@headgate/envoy/process';
import { writeEnvoyConfig } from '@headgate/envoy/write';
import { testConfig } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { stillAliveAfter } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import type { OwnRun } from '../benchmark.ts';
import type { Contender, RunningServer } from './contender.ts';

const PEER_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 5000;

/**
 * A peer as a public service: behind the Envoy that Headgate renders for itself, with TLS, and with the key check and
 * the limiter that the peer's own code switches on when PEER_KEY is set.
 *
 * @param name of its door
 */
export function behindEnvoy(peer: Contender, name: string, run: OwnRun): Contender {
  return {
    ...peer,
    id: `${peer.id}-guarded`,
    start: async (env) => {
      const key = randomBytes(16).toString('hex');
      const server = await peer.start({ ...env, PEER_KEY: key });
      try {
        return await guarded(server, { name, key }, run);
      } catch (error) {
        await server.stop();
        throw error;
      }
    },
  };
}

async function guarded(
  server: RunningServer,
  { name, key }: { readonly name: string; readonly key: string },
  run: OwnRun,
): Promise<RunningServer> {
  const [door] = server.doors;
  if (door?.target.kind !== 'http') throw new Error('expected a peer with one HTTP door');
  const { target, processes } = door;
  // Envoy's ports are looked for once the peer has taken its own.
  const listening = () => fetch(target.origin).then(() => true);
  await eventually(listening, { what: `${name} without Envoy`, withinMs: PEER_WITHIN_MS });
  const envoy = await startEnvoy(new URL(target.origin).host, run);
  const https = {
    ...target,
    origin: `https://localhost:${portOf(envoy.config.listen.port_base, 'https')}`,
    caFile: join(ROOT, envoy.config.envoy.tls_dir, 'ca.crt'),
    key,
  };
  return {
    ...server,
    doors: [{ name, target: https, processes: () => [...processes(), { pid: envoy.pid, part: 'Envoy' }] }],
    ended: () => server.ended() ?? envoy.ended(),
    stop: async () => {
      await envoy.stop();
      await server.stop();
    },
  };
}

interface RunningEnvoy {
  readonly config: Config;
  readonly pid: number;
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** @param upstream host:port of what takes the gateway's place */
async function startEnvoy(upstream: string, { dir, guard }: OwnRun): Promise<RunningEnvoy> {
  const env = {
    HEADGATE_LISTEN__PORT_BASE: String(await freePortBase()),
    HEADGATE_ENVOY__GATEWAY_TARGET: upstream,
  };
  const config = testConfig(env);
  const log = openSync(join(dir, 'envoy.log'), 'a');
  const child = spawn(
    join(ROOT, '.venv/bin/envoy'),
    [...envoyArguments(config, writeEnvoyConfig(config, ROOT))],
    { stdio: ['ignore', log, log], detached: true },
  );
  closeSync(log);
  const pid = child.pid ?? 0;
  if (pid > 0) guard.add(pid);
  const ended = () => (child.exitCode === null && child.signalCode === null ? undefined : 'Envoy ended');
  const stop = async () => {
    child.kill('SIGTERM');
    if ((await stillAliveAfter([pid], STOP_WITHIN_MS)).length > 0) child.kill('SIGKILL');
    guard.remove(pid);
  };
  const ready = () => isEnvoyReady(adminSocket(config, ROOT), AbortSignal.timeout(1000));
  await eventually(ready, { what: 'Envoy before a peer', withinMs: READY_WITHIN_MS }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { config, pid, ended, stop };
}
