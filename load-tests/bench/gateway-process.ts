import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { portOf } from '@headgate/contracts/names';
import { NO_SECRET } from '@headgate/testkit/config';
import { within } from '@headgate/testkit/eventually';
import { ROOT } from '@headgate/testkit/root';
import { DEFAULT_MODEL, oneVersionFile } from './peers/headgate.ts';

export interface GatewayProcessOptions {
  readonly portBase: number;
  /** For its log and its spool. */
  readonly dir: string;
  readonly upstreamPort: number;
}

/** A process of the bench that ends when the bench says so. */
export interface OwnedProcess {
  readonly pid: number;
  /** SIGTERM, then SIGKILL; bounded. */
  stop(): Promise<void>;
}

/** Spawns the gateway as `npm run build` made it, with the development configuration and its log in a file. */
export function spawnGateway(options: GatewayProcessOptions): OwnedProcess {
  const log = openSync(join(options.dir, 'gateway.log'), 'a');
  const child = spawn(process.execPath, ['gateway/dist/main.js'], {
    cwd: ROOT,
    stdio: ['ignore', log, 'inherit'],
    env: {
      ...process.env,
      ...NO_SECRET,
      HEADGATE_ROOT: ROOT,
      HEADGATE_ROUTING_FILE: oneVersionFile(options.dir, DEFAULT_MODEL),
      HEADGATE_LISTEN__PORT_BASE: String(options.portBase),
      HEADGATE_RECORDS__SPOOL_DIR: join(options.dir, 'spool'),
      HEADGATE_GATEWAY__UPSTREAM__TARGET: `127.0.0.1:${options.upstreamPort}`,
    },
  });
  closeSync(log);
  return owned(child);
}

export function gatewayOrigin(portBase: number): string {
  return `http://127.0.0.1:${portOf(portBase, 'gateway')}`;
}

/** Spawns the null upstream; it tells its port once it listens. */
export async function spawnNullUpstream(delayMs: number): Promise<OwnedProcess & { readonly port: number }> {
  const file = fileURLToPath(new URL('./null-upstream.ts', import.meta.url));
  const child = spawn(process.execPath, [file, '--delay-ms', String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = once(child.stdout, 'data') as Promise<[Buffer]>;
  const [line] = await within(said, { what: 'the null upstream', withinMs: 10_000 });
  const { port } = JSON.parse(line.toString()) as { port: number };
  return { ...owned(child), port };
}

function owned(child: ChildProcess): OwnedProcess {
  const ended = once(child, 'exit');
  return {
    pid: child.pid as number,
    stop: async () => {
      child.kill('SIGTERM');
      await within(ended, { what: 'its end', withinMs: 10_000 }).catch(() => child.kill('SIGKILL'));
    },
  };
}
