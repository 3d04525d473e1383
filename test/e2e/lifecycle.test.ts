import { once } from 'node:events';
import { createServer } from 'node:net';
import { METRIC, PORT_OFFSET } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { httpClient } from '@headgate/testkit/http';
import { scrape, total } from '@headgate/testkit/metrics';
import { freePortBase } from '@headgate/testkit/ports';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { descendantsOf, stillAliveAfter } from '@headgate/testkit/processes';
import { spawnStart, startStack } from '@headgate/testkit/stack';
import { describe, expect, it } from 'vitest';
import { plainPhoto } from './harness/images.ts';

describe('npm start', () => {
  it.each(['gateway', 'inferenceGrpc', 'https'] as const)(
    'ends with exit code 3 and one clear line when the port of %s is taken',
    async (listener) => {
      const portBase = await freePortBase();
      const port = portBase + PORT_OFFSET[listener];
      const squatter = createServer().listen(port, '127.0.0.1');
      await once(squatter, 'listening');
      const run = spawnStart(['--port-base', String(portBase)]);
      const code = await run.exit(60_000);
      squatter.close();
      expect(code, run.output()).toBe(3);
      const lines = run
        .output()
        .split('\n')
        .filter((line) => line.includes(String(port)));
      expect(lines, run.output()).toHaveLength(1);
      expect(lines[0]).toMatch(/taken|in use/);
      expect(run.output()).not.toMatch(/\n\s+at /);
    },
  );

  it('on Ctrl-C answers what it accepted, stops everything it started, and exits with 0', async () => {
    const stack = await startStack({ args: ['--fallback'] });
    const pids = [stack.supervisorPid, ...descendantsOf(stack.supervisorPid).map(({ pid }) => pid)];
    expect(pids.length).toBeGreaterThan(3); // npm start, gateway, inference front, at least one engine
    const client = httpClient(stack.ready.gateway);
    const slow = await plainPhoto('png', 6000, 6000); // takes its time to decode
    const onTheWay = Array.from({ length: 4 }, () =>
      postPhoto(client, slow, { key: stack.ready.keys.bench }),
    );
    const inFlight = async () => total(await scrape(stack.ready.metrics), METRIC.httpInFlight);
    await eventually(async () => (await inFlight()) >= onTheWay.length, {
      what: 'four requests in flight',
      withinMs: 5_000,
      everyMs: 5,
    });
    const startMs = performance.now();
    process.kill(stack.supervisorPid, 'SIGINT');
    for (const answer of await Promise.all(onTheWay)) expectPrediction(answer);
    expect(await stack.supervisor.exit(30_000)).toBe(0);
    console.log(`Ctrl-C stopped ${pids.length} processes in ${secondsSince(startMs)}`);
    expect(await stillAliveAfter(pids, 2_000)).toEqual([]);
    await client.close();
    await stack.stop();
  });
});
