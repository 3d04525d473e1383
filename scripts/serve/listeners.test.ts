import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { testConfig } from '@headgate/testkit/config';
import { expect, it, onTestFinished } from 'vitest';
import { addressesOf, findTaken, reachable } from './listeners.ts';

const ports = (mode: 'full' | 'fallback') =>
  Object.fromEntries(addressesOf(testConfig(), mode).map(({ listener, port }) => [listener, port]));

it('lists what each mode listens on', () => {
  const fallback = {
    gateway: 8441,
    gatewayInternal: 8442,
    inferenceGrpc: 8444,
    inferenceInternal: 8445,
    control: 8447,
  };
  expect(ports('fallback')).toEqual(fallback);
  const envoy = { httpRedirect: 8440, https: 8443, internalGrpcMtls: 8446, envoyInternal: 8448 };
  expect(ports('full')).toEqual({ ...fallback, ...envoy });
});

it('finds the address that another program holds', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const taken = {
    listener: 'https',
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  } as const;
  const free = { listener: 'gateway', host: '127.0.0.1', port: 0 } as const;
  expect(await findTaken([free, taken])).toBe(taken);
  expect(await findTaken([free])).toBeUndefined();
});

it('names an address as a local client reaches it', () => {
  expect(reachable({ host: '0.0.0.0', port: 1 })).toBe('127.0.0.1:1');
  expect(reachable({ host: '::1', port: 1 })).toBe('[::1]:1');
  expect(reachable({ host: '10.0.0.7', port: 1 })).toBe('10.0.0.7:1');
});
