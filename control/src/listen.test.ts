import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { portOf } from '@headgate/contracts/names';
import { freePortBase } from '@headgate/testkit/ports';
import { expect, it, onTestFinished } from 'vitest';
import { listen } from './listen.ts';

const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
/** As a pod has one. */
const OWN = addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address;

async function reachable(internal_host: string, hosts: readonly string[]): Promise<boolean[]> {
  const server = createServer((_, response) => response.end('here'));
  const port_base = await freePortBase();
  const listening = await listen(server, { internal_host, port_base });
  onTestFinished(() => listening.close());
  const urls = hosts.map((host) => `http://${host}:${portOf(port_base, 'control')}/`);
  return Promise.all(
    urls.map((url) =>
      fetch(url).then(
        (answer) => answer.ok,
        () => false,
      ),
    ),
  );
}

it.runIf(OWN)('answers at the address of a pod, and at its loopback for a port-forward', async () => {
  expect(await reachable(String(OWN), [String(OWN), '127.0.0.1'])).toEqual([true, true]);
});

it('answers at one address of loopback alone', async () => {
  expect(await reachable('127.0.0.5', ['127.0.0.5', '127.0.0.1'])).toEqual([true, false]);
});
