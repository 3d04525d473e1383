import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '@headgate/testkit/eventually';
import type { Fault } from '@headgate/testkit/fault-proxy';
import { freePort } from '@headgate/testkit/ports';
import { goTool } from '@headgate/testkit/tools/go-tool';
import { createGuard } from '../../scripts/setup/guard.mjs';
import type { Link, Network } from './link.ts';

const TOOL = { path: 'github.com/Shopify/toxiproxy/v2/cmd/server', version: 'v2.5.0' };
const READY_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 5000;

/**
 * A fault proxy that others wrote, so that ours and what it says of the gateway are not judged by ourselves alone.
 * Built by Go at the first run, outside of the checkout.
 *
 * @throws CommandError when there is no Go, or it cannot be built
 */
export async function startToxiproxy(signal: AbortSignal): Promise<Network> {
  const guard = createGuard();
  const program = await goTool(TOOL, { guard, signal });
  const port = await freePort();
  const args = ['-host', '127.0.0.1', '-port', String(port)];
  const server = spawn(program, args, { stdio: 'ignore', detached: true });
  if (server.pid !== undefined) guard.add(server.pid);
  const close = async () => {
    const ended = once(server, 'exit');
    server.kill();
    await ended;
    if (server.pid !== undefined) guard.remove(server.pid);
    await guard.close();
  };
  const call = caller(`http://127.0.0.1:${port}`);
  try {
    await eventually(() => call('GET', '/proxies').then(() => true), {
      what: 'toxiproxy',
      withinMs: READY_WITHIN_MS,
    });
  } catch (error) {
    await close();
    throw error;
  }
  let links = 0;
  return {
    name: `toxiproxy ${TOOL.version}`,
    linkTo: (target) => {
      links += 1;
      return openLink(call, `link-${links}`, target);
    },
    close,
  };
}

type Call = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;

function caller(origin: string): Call {
  return async (method, path, body) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const init = body === undefined ? { method, signal } : { method, signal, body: JSON.stringify(body) };
    const response = await fetch(`${origin}${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`toxiproxy answered ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
}

async function openLink(call: Call, name: string, target: number): Promise<Link> {
  const upstream = `127.0.0.1:${target}`;
  const made = (await call('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream, enabled: true })) as {
    listen: string;
  };
  let active: string[] = [];
  return {
    port: Number(made.listen.split(':').at(-1)),
    async set(fault) {
      for (const toxic of active) await call('DELETE', `/proxies/${name}/toxics/${toxic}`);
      active = [];
      if (fault.kind === 'none') return;
      for (const stream of ['upstream', 'downstream']) {
        const toxic = `${fault.kind}-${stream}`;
        await call('POST', `/proxies/${name}/toxics`, { name: toxic, stream, ...toxicOf(fault) });
        active.push(toxic);
      }
    },
    close: async () => void (await call('DELETE', `/proxies/${name}`)),
  };
}

/** Toxiproxy's word for the same: its `timeout` drops bytes, and closes after so many ms, or not before it is removed. */
function toxicOf(fault: Exclude<Fault, { kind: 'none' }>) {
  switch (fault.kind) {
    case 'latency':
      return { type: 'latency', attributes: { latency: fault.ms } };
    case 'reset':
      return { type: 'reset_peer', attributes: { timeout: 0 } };
    case 'black_hole':
      return { type: 'timeout', attributes: { timeout: 0 } };
    case 'slow_close':
      return { type: 'timeout', attributes: { timeout: fault.ms } };
  }
}
