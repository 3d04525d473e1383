import { once } from 'node:events';
import { createServer } from 'node:http';
import { portOf } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { freePortBase } from '@headgate/testkit/ports';
import { expect, it } from 'vitest';
import { https } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';

const REQUESTS = 200;

/** A gateway that says which image it is. */
async function gateway(port: number, image: string) {
  const servers = [port, port + 1].map((one) =>
    createServer((_, response) => response.end(image)).listen(one, '127.0.0.1'),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

it('gives a tenth of the requests to a canary while it is ready, and none otherwise', async () => {
  const base = await freePortBase();
  const canaryPort = portOf(base, 'inferenceGrpc');
  const target = `localhost:${portOf(base, 'gateway')}`;
  await using _stable = await gateway(portOf(base, 'gateway'), 'stable');
  await using envoy = await TestEnvoy.start({
    HEADGATE_LISTEN__PORT_BASE: String(base),
    HEADGATE_ENVOY__GATEWAY_TARGET: target,
    HEADGATE_ENVOY__GATEWAY_CANARY_TARGET: `localhost:${canaryPort}`,
  });
  const answers = async () => {
    const all = { stable: 0, canary: 0, failed: 0 };
    for (let i = 0; i < REQUESTS; i++) {
      const { status, body } = await https(envoy);
      all[status === 200 ? (body as 'stable' | 'canary') : 'failed']++;
    }
    return all;
  };
  await eventually(async () => (await https(envoy)).body === 'stable', 'the stable gateway');
  expect(await answers()).toEqual({ stable: REQUESTS, canary: 0, failed: 0 });
  {
    await using _canary = await gateway(canaryPort, 'canary');
    await eventually(async () => (await https(envoy)).body === 'canary', 'the canary');
    const { canary, failed } = await answers();
    expect(failed).toBe(0);
    // 20 are expected; five standard deviations are 21.
    expect(canary).toBeGreaterThan(0);
    expect(canary).toBeLessThan(42);
  }
  expect(await answers()).toEqual({ stable: REQUESTS, canary: 0, failed: 0 });
});
