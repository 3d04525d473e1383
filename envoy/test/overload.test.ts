import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { eventually } from '@headgate/testkit/eventually';
import { describe, expect, it } from 'vitest';
import { https } from './support/client.ts';
import { HASTY, TestEnvoy } from './support/envoy.ts';
import { expectProblem } from './support/problem.ts';
import { Upstream } from './support/upstream.ts';

describe('Envoy answers with a problem body', () => {
  it('unavailable, while no gateway listens', async () => {
    await using envoy = await TestEnvoy.start();
    expectProblem(await https(envoy), 'unavailable');
    await using _ = await Upstream.listen(envoy);
    expect((await https(envoy)).status).toBe(200);
  });

  it('overloaded, above the rate ceiling', async () => {
    await using envoy = await TestEnvoy.start({ HEADGATE_ENVOY__LOCAL_RATE_PER_S: '1' });
    await using upstream = await Upstream.listen(envoy);
    const answers = await Promise.all(Array.from({ length: 20 }, () => https(envoy)));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expectProblem(answer, 'overloaded');
    expect(upstream.seen.length).toBe(answers.length - refused.length);
  });

  it('overloaded, when the circuit breaker is open', async () => {
    await using envoy = await TestEnvoy.start({ HEADGATE_ENVOY__UPSTREAM_MAX_REQUESTS: '1' });
    await using upstream = await Upstream.listen(envoy);
    const held = https(envoy, { path: '/hold' });
    await eventually(() => upstream.seen.includes('/hold'), 'the first request is in progress');
    expectProblem(await https(envoy), 'overloaded');
    upstream.release();
    expect((await held).status).toBe(200);
  });

  it('overloaded, when its heap is used up', async () => {
    await using envoy = await TestEnvoy.start({ HEADGATE_ENVOY__HEAP_BYTES: '1000000' });
    await using _ = await Upstream.listen(envoy);
    const refused = async () => {
      const answer = await https(envoy);
      return answer.status === 200 ? undefined : answer;
    };
    expectProblem(await eventually(refused, 'the overload manager acts'), 'overloaded');
  });

  it('deadline_exceeded, when the gateway does not answer in time', async () => {
    await using envoy = await TestEnvoy.start(HASTY);
    await using _ = await Upstream.listen(envoy);
    expectProblem(await https(envoy, { path: '/hold' }), 'deadline_exceeded');
  });

  it.each([
    ['stalls', 0],
    ['trickles in', 1],
  ])('upload_timeout, when the body %s', async (_, bytesPerTick) => {
    await using envoy = await TestEnvoy.start(HASTY);
    await using upstream = await Upstream.listen(envoy);
    const request = { method: 'POST', path: '/slow', headers: { 'content-length': 1000 } };
    const slowly = (send: (bytes: Uint8Array) => void) => {
      const timer = setInterval(() => send(Buffer.alloc(bytesPerTick)), 50);
      return () => clearInterval(timer);
    };
    expectProblem(await https(envoy, { ...request, slowly }), 'upload_timeout');
    expect(upstream.seen).toEqual(['/slow']);
  });
});

describe('a listener', () => {
  it('closes connections above its limit at once and leaves the others alone', async () => {
    await using envoy = await TestEnvoy.start({ HEADGATE_ENVOY__MAX_CONNECTIONS: '1' });
    await using _ = await Upstream.listen(envoy);
    const first = connect({ host: '127.0.0.1', port: envoy.redirectPort });
    await once(first, 'connect');
    first.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(first, 'data');
    const second = connect({ host: '127.0.0.1', port: envoy.redirectPort });
    await once(second, 'close');
    first.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(String(await once(first, 'data'))).toContain('308');
    first.destroy();
    expect((await https(envoy)).status).toBe(200);
  });
});

it('a client that does not read its answer loses its connection', async () => {
  await using envoy = await TestEnvoy.start(HASTY);
  await using upstream = await Upstream.listen(envoy);
  const { httpsPort: port, ca } = envoy;
  const client = connectTls({ host: 'localhost', port, ca });
  client.on('error', () => undefined).pause();
  client.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await eventually(() => upstream.cut.includes('/large'), 'Envoy gives up');
  const closed = new Promise((resolve) => client.on('close', resolve));
  client.resume();
  await closed;
});
