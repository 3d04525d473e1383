import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { expect, it, onTestFinished } from 'vitest';
import { modelRepository } from './model-repository.ts';

/** @returns the address of a process that answers so */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const lists = (...versions: string[]) =>
  serve((request, response) => {
    expect(request.url).toBe('/repository');
    const rows = [['other', '7'], ...versions.map((version) => ['net', version])];
    response.end(JSON.stringify(rows.map(([model, version]) => ({ model, version }))));
  });
const refuses = () =>
  serve((_, response) => {
    const row = { model: 'net', version: '9', reason: 'not counted' };
    response.writeHead(503).end(JSON.stringify([row]));
  });
const hangs = () => serve(() => undefined);
const isEmpty = () => serve((_, response) => void response.end('[]'));

const repositoryOf = (addresses: readonly string[], clock = new ManualClock()) =>
  modelRepository(async () => addresses, clock.monotonicMs);
const versionsOf = (addresses: readonly string[], model = 'net') => repositoryOf(addresses).versionsOf(model);

it('knows what any of the processes that answer lists', async () => {
  const all = [await lists('1'), await lists('1', '2'), await refuses(), await hangs()];
  expect(await versionsOf(all)).toEqual(['1', '2']);
  expect(await versionsOf([await lists('1')], 'constructor')).toEqual([]);
});

it('knows why a version is not served, from any of the processes that answer', async () => {
  const row = { model: 'net', version: '2', reason: 'model.onnx: its digest differs' };
  const says = await serve((_, response) => void response.end(JSON.stringify([row])));
  const all = [await refuses(), await isEmpty(), says];
  const problemOf = await repositoryOf(all).problems();
  expect(['2', '1', '9'].map((version) => problemOf('net', version))).toEqual([
    row.reason,
    undefined,
    undefined,
  ]);
});

it('asks for problems every two seconds, however many ask', async () => {
  const clock = new ManualClock();
  let asked = 0;
  const counts = await serve((_, response) => {
    asked += 1;
    response.end('[]');
  });
  const repository = repositoryOf([counts], clock);
  await Promise.all([repository.problems(), repository.problems()]);
  clock.advance(1999);
  await repository.problems();
  expect(asked).toBe(1);
  clock.advance(1);
  await repository.problems();
  expect(asked).toBe(2);
});

it('knows nothing where nobody answers, or nobody reaches the repository', async () => {
  expect(await versionsOf([await refuses(), await isEmpty()])).toBeUndefined();
  expect(await versionsOf([])).toBeUndefined();
  const nowhere = modelRepository(
    () => Promise.reject(new Error('no such name')),
    () => 0,
  );
  expect(await nowhere.versionsOf('net')).toBeUndefined();
  expect((await nowhere.problems())('net', '1')).toBeUndefined();
});
