import { once } from 'node:events';
import { createServer } from 'node:http';
import { portOf } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { expect, it } from 'vitest';
import { https } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

const STATES = {
  healthy: { 'x-headgate': 'ready' },
  '/degraded_active_hc': { 'x-envoy-degraded': '1' },
  '/failed_active_hc': undefined,
};
type State = keyof typeof STATES;

/** The gateway's internal port; without headers it does not answer. */
async function livenessAt(port: number) {
  const gateway = { state: 'healthy' as State };
  const server = createServer(({ url }, response) => {
    const headers = STATES[gateway.state];
    if (headers) response.writeHead(url === '/livez' ? 200 : 404, headers).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(gateway, {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  });
}

it('asks the gateways of a name how they are, and tries them when none is well', async () => {
  const base = await freePortBase();
  await using gateway = await livenessAt(portOf(base, 'gatewayInternal'));
  await using envoy = await TestEnvoy.start({
    HEADGATE_LISTEN__PORT_BASE: String(base),
    HEADGATE_ENVOY__GATEWAY_TARGET: `localhost:${portOf(base, 'gateway')}`,
  });
  await using _upstream = await Upstream.listen(envoy);
  const seen = async () => {
    const { body } = await envoy.admin('/clusters');
    return /^gateway::[0-9.:]+::health_flags::(.*)$/m.exec(body)?.[1];
  };
  for (const state of ['healthy', '/degraded_active_hc', '/failed_active_hc', 'healthy'] as const) {
    gateway.state = state;
    await eventually(async () => (await seen())?.includes(state), state);
    expect((await https(envoy)).status).toBe(200);
  }
});
