import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually } from '@headgate/testkit/eventually';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drainEnvoy } from '../src/drain.ts';
import { https } from './support/client.ts';
import { TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

let envoy: TestEnvoy;
let upstream: Upstream;

beforeEach(async () => {
  envoy = await TestEnvoy.start();
  upstream = await Upstream.listen(envoy);
});

afterEach(async () => {
  await upstream[Symbol.asyncDispose]();
  await envoy[Symbol.asyncDispose]();
});

/** Resolves once a new connection is refused. */
async function listenerClosed(): Promise<void> {
  await eventually(async () => {
    const socket = connect({ host: '127.0.0.1', port: envoy.httpsPort });
    const accepted = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return !accepted;
  }, 'the listener is closed');
}

describe('draining', () => {
  it('takes nothing new, finishes what was accepted, and then lets Envoy end', async () => {
    const held = https(envoy, { path: '/hold', headers: { connection: 'keep-alive' } });
    await eventually(() => upstream.seen.includes('/hold'), 'a request is in progress');
    const drained = drainEnvoy(envoy.config, envoy.adminSocket);
    await listenerClosed();
    expect((await envoy.admin('/ready')).status).toBe(503);

    upstream.release();
    const answer = await held;
    expect(answer.status).toBe(200);
    expect(answer.headers.connection).toBe('close');
    expect(await drained).toBe(0);
    expect(await envoy.stop()).toBe(0);
  });

  it('gives up when told so, and says how much is still in progress', async () => {
    const held = https(envoy, { path: '/hold' });
    await eventually(() => upstream.seen.includes('/hold'), 'a request is in progress');
    const hurry = new AbortController();
    const drained = drainEnvoy(envoy.config, envoy.adminSocket, hurry.signal);
    await listenerClosed();
    hurry.abort();
    expect(await drained).toBe(1);
    upstream.release();
    await held;
  });
});
