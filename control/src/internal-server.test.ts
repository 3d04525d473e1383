import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { RecordsRefusedError } from '@headgate/stores/records/sink';
import { predictionOf } from '@headgate/stores/testing/records';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { controlSink } from '../../gateway/src/store/sinks.ts';
import { createInternalServer, type InternalServerOptions } from './internal-server.ts';

const MAX_BYTES = 64 * 2 ** 20;
const { signal } = new AbortController();

async function serve(options: Pick<InternalServerOptions, 'sink' | 'verifyAudit'>): Promise<string> {
  const logger = { error: () => undefined };
  const server = createInternalServer({ ...options, registry: new Registry(), logger });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Calls that begin and end when the test says so. */
function held() {
  const begun: { signal: AbortSignal | undefined; end: () => void }[] = [];
  let arrived = Promise.withResolvers<void>();
  const call = (given?: AbortSignal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.push({ signal: given, end: resolve });
    arrived.resolve();
    return promise;
  };
  const until = async (count: number) => {
    while (begun.length < count) {
      await arrived.promise;
      arrived = Promise.withResolvers();
    }
  };
  return { begun, call, until };
}

it('tells a gateway that its delivery is too large, so that it sends half of it', async () => {
  const url = await serve({ sink: { deliver: async () => undefined } });
  const large = predictionOf({ label: 'x'.repeat(MAX_BYTES) });
  await expect(controlSink(url).deliver([large], signal)).rejects.toThrow(RecordsRefusedError);
});

it('answers a caller that looks for it only once all is written, however much that was', async () => {
  const url = new URL(await serve({ sink: { deliver: async () => undefined } }));
  const body = Buffer.alloc(MAX_BYTES + 2 ** 24, ' ');
  const socket = connect(Number(url.port), url.hostname);
  onTestFinished(() => void socket.destroy());
  socket.write(
    `POST /internal/records HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  await new Promise((written) => socket.write(body, written));
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toContain('HTTP/1.1 413');
});

it('gives a delivery up when its gateway has', async () => {
  const { begun, call, until } = held();
  const url = await serve({ sink: { deliver: (_, given) => call(given) } });
  const givingUp = new AbortController();
  const delivery = controlSink(url).deliver([predictionOf()], givingUp.signal);
  await until(1);
  expect(begun[0]?.signal?.aborted).toBe(false);
  givingUp.abort();
  await expect(delivery).rejects.toThrow('control does not answer');
  if (!begun[0]?.signal?.aborted) await once(begun[0]?.signal as AbortSignal, 'abort');
  begun[0]?.end();
});

it('takes no more deliveries at once than it bears, and takes others afterwards', async () => {
  const { begun, call, until } = held();
  const url = await serve({ sink: { deliver: (_, given) => call(given) } });
  const deliver = () => controlSink(url).deliver([predictionOf()], signal);
  const running = Array.from({ length: 4 }, deliver);
  await until(4);
  await expect(deliver()).rejects.toThrow('control answered 503');
  for (const { end } of begun) end();
  await Promise.all(running);
  const next = deliver();
  await until(5);
  begun[4]?.end();
  await next;
});

it('verifies the audit records for one at a time', async () => {
  const { begun, call, until } = held();
  const audit = { verifyAudit: () => call(), confirmAudit: () => call() };
  const url = await serve({ sink: { deliver: async () => undefined }, ...audit });
  const verification = () => fetch(`${url}/internal/audit`).then(({ status }) => status);
  const first = verification();
  await until(1);
  expect(await verification()).toBe(503);
  begun[0]?.end();
  expect(await first).toBe(200);
});
