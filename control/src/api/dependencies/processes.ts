import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { internalAddress } from '@headgate/contracts/names';
import { type Check, degraded, down, type Finding, off, ok } from './check.ts';

/** Reads a page of another process; the answer of any status. */
type Read = (url: string, signal: AbortSignal) => Promise<{ readonly status: number; readonly text: string }>;

export const readPage: Read = async (url, signal) => {
  const answer = await fetch(url, { signal });
  return { status: answer.status, text: await answer.text() };
};

/** Whether each process behind a name is ready, by its own word. */
export function readyProcesses(name: string, { addresses, remedy, read = readPage }: ReadyOptions): Check {
  return {
    name,
    remedy,
    async find(signal) {
      const all = await addresses();
      if (all.length === 0) return down('its name has no address', remedy);
      const said = await Promise.all(all.map((address) => obstacleAt(address, read, signal)));
      return summary(all, said, remedy);
    },
  };
}

interface ReadyOptions {
  readonly addresses: () => Promise<readonly string[]>;
  readonly remedy: string;
  readonly read?: Read;
}

/** Why one is not ready; undefined when it is. */
async function obstacleAt(address: string, read: Read, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { status, text } = await read(`http://${address}/readyz`, signal);
    return status === 200 || status === 204 ? undefined : `${address} is not ready: ${reasonsIn(text)}`;
  } catch {
    return `${address} does not answer`;
  }
}

/** Of the gateway's answer; other processes give none. */
function reasonsIn(text: string): string {
  try {
    const { reasons } = JSON.parse(text) as { readonly reasons?: readonly unknown[] };
    return reasons?.join('; ') ?? 'no reason given';
  } catch {
    return 'no reason given';
  }
}

function summary(all: readonly string[], said: readonly (string | undefined)[], remedy: string): Finding {
  const obstacles = said.filter((one) => one !== undefined);
  const ready = `${all.length - obstacles.length} of ${all.length} ready`;
  if (obstacles.length === 0) return ok(ready);
  const detail = `${ready}; ${obstacles.slice(0, 3).join('; ')}`;
  return obstacles.length === all.length ? down(detail, remedy) : degraded(detail, remedy);
}

/** The Envoy of this machine. Those of a cluster are not reached from here: their own probes watch them. */
export function localEnvoy({ listen }: Config, root: string, read: Read = readPage): Check {
  const remedy = `look at state/logs/${listen.port_base}/envoy.log; npm start starts Envoy again`;
  const rendered = join(root, 'state/envoy', `${listen.port_base}.json`);
  return {
    name: 'Envoy',
    remedy,
    async find(signal) {
      if (!existsSync(rendered)) return off('no Envoy runs beside control');
      const { status } = await read(`http://${internalAddress(listen, 'envoyInternal')}/ready`, signal);
      return status === 200 ? ok('accepts connections') : down(`answers ${status} at /ready`, remedy);
    },
  };
}
