import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { portOf } from '@headgate/contracts/names';
import { NO_SECRET } from '@headgate/testkit/config';
import { eventually } from '@headgate/testkit/eventually';
import { afterAll, describe, expect, it } from 'vitest';
import { http, http2, https } from './support/client.ts';
import { CONFIG_DIR, EdgeFiles, RUN, TestEnvoy } from './support/envoy.ts';
import { Upstream } from './support/upstream.ts';

const files = new EdgeFiles();
afterAll(() => files.remove());

/** A client that wants to keep its connection. */
const PERSISTENT = { headers: { connection: 'keep-alive' } };

/** Long enough that a test sees the delay, whatever else the machine does; a second signal ends it. */
const LONG_DELAY = { HEADGATE_GATEWAY__DRAIN__DELAY_MS: '60000' };
const SHORT_DELAY = { HEADGATE_GATEWAY__DRAIN__DELAY_MS: '500' };

const ready = async (envoy: TestEnvoy) => {
  const answer = await http(portOf(envoy.config.listen.port_base, 'envoyInternal'), { path: '/ready' });
  return answer.status;
};

/** Pids of Envoy, the only child of `run.ts`. */
function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

/** Starts a request that the upstream holds. */
async function holdOne(envoy: TestEnvoy, upstream: Upstream) {
  const answer = https(envoy, { path: '/hold' });
  await eventually(() => upstream.seen.includes('/hold'), 'a request is in progress');
  return { answer };
}

describe('node envoy/src/run.ts', () => {
  it('takes requests during the drain delay, tells clients to leave, and is not ready', async () => {
    await using envoy = await TestEnvoy.run(LONG_DELAY);
    await using _upstream = await Upstream.listen(envoy);
    expect(await ready(envoy)).toBe(200);
    expect((await https(envoy, PERSISTENT)).headers.connection).toBeUndefined();
    envoy.kill('SIGTERM');
    await eventually(async () => (await ready(envoy)) === 503, 'readiness fails');

    const answer = await https(envoy, PERSISTENT);
    expect([answer.status, answer.headers.connection]).toEqual([200, 'close']);
    expect((await http2(envoy)).status).toBe(200);
    envoy.kill('SIGTERM');
    expect(await envoy.ended()).toBe(0);
  });

  it('finishes what it has accepted, ends with code 0 and logs like the other parts', async () => {
    await using envoy = await TestEnvoy.run(SHORT_DELAY);
    await using upstream = await Upstream.listen(envoy);
    const { answer } = await holdOne(envoy, upstream);
    envoy.kill('SIGTERM');
    await eventually(async () => (await ready(envoy)) === 503, 'readiness fails');
    upstream.release();
    expect((await answer).status).toBe(200);
    expect(await envoy.ended()).toBe(0);
    expect(envoy.output).toMatch(/"service":"envoy","signal":"SIGTERM","msg":"draining"/);
    expect(envoy.output).toContain('"path":"/hold"');
    expect(envoy.output).not.toContain('ending before');
  });

  it('stops waiting for requests at the second signal, and says how many it cut', async () => {
    await using envoy = await TestEnvoy.run(LONG_DELAY);
    await using upstream = await Upstream.listen(envoy);
    const { answer } = await holdOne(envoy, upstream);
    const cut = expect(answer).rejects.toThrow();
    envoy.kill('SIGTERM');
    await eventually(async () => (await ready(envoy)) === 503, 'readiness fails');
    envoy.kill('SIGINT');
    await cut;
    expect(await envoy.ended()).toBe(0);
    expect(envoy.output).toMatch(/"in_progress":1,"msg":"ending before/);
  });

  it("ends with Envoy's code when Envoy ends", async () => {
    await using envoy = await TestEnvoy.run();
    for (const pid of childrenOf(envoy.pid)) process.kill(pid, 'SIGKILL');
    expect(await envoy.ended()).toBe(128 + 9);
  });

  it.each([
    ['Envoy is missing', { HEADGATE_ENVOY: '/nonexistent/envoy' }, 'HEADGATE_ENVOY'],
    ['a setting is wrong', { HEADGATE_ENVOY__CONCURRENCY: '0' }, 'envoy.concurrency'],
    ['production lacks something', { HEADGATE_ENV: 'production' }, 'envoy.server_names'],
  ])('ends with code 2 and a remedy when %s', async (_, variables, remedy) => {
    const env = { ...NO_SECRET, HEADGATE_CONFIG_DIR: CONFIG_DIR, HEADGATE_ROOT: files.root, ...variables };
    const ended = promisify(execFile)(process.execPath, [RUN], { env });
    await expect(ended).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(remedy) });
  });
});
