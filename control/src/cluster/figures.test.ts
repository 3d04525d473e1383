import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { samplesOf } from '@headgate/runtime/exposition';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { answerTo, startMetricsApi } from './metrics-api.ts';
import { QUEUE_NAMES, QueueTime, WINDOW_MS } from './queue-time.ts';
import { createScrape, type Figures, FRESH_MS, SHARED_MS, sumOf } from './scrape.ts';

it('reads samples of the names that are wanted, and passes over the rest', () => {
  const page = [
    '# HELP wanted a="b"',
    'wanted 1.5',
    'wanted{model="a\\"b",other="}"} 2e3 1700000000',
    'wanted_too{model="x"} 3',
    '',
    'wanted{broken',
  ].join('\n');
  expect(samplesOf(page, new Set(['wanted']))).toEqual([
    { name: 'wanted', labels: {}, value: 1.5 },
    { name: 'wanted', labels: { model: 'a\\"b', other: '}' }, value: 2000 },
  ]);
});

describe('a scrape', () => {
  let nowMs: number;
  let addresses: readonly string[] | Error;

  beforeEach(() => {
    [nowMs, addresses] = [0, []];
  });

  async function serve(page: () => string | undefined): Promise<string> {
    const server = createServer((request, response) => {
      expect(request.url).toBe('/metrics');
      const text = page();
      if (text === undefined) response.writeHead(503).end('x 9');
      else response.end(text);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const scrape = () =>
    createScrape({
      resolve: async () => {
        if (addresses instanceof Error) throw addresses;
        return addresses;
      },
      // Without the limit of real time: the clock of the test is the only one.
      fetch: (url) => fetch(url),
      names: new Set(['x']),
      nowMs: () => nowMs,
    });

  it('sums what all processes say, and is complete while each answered lately', async () => {
    let second: string | undefined = 'x{model="a"} 2';
    addresses = [await serve(() => 'x{model="a"} 1\nx{model="b"} 5'), await serve(() => second)];
    const all = scrape();
    expect(all.isComplete()).toBe(false);
    await all.round();
    expect([all.isComplete(), sumOf(all.figures(), 'x', { model: 'a' }), sumOf(all.figures(), 'x')]).toEqual([
      true,
      3,
      8,
    ]);
    second = undefined;
    nowMs += FRESH_MS;
    await all.round();
    expect([all.isComplete(), sumOf(all.figures(), 'x', { model: 'a' })]).toEqual([false, 1]);
  });

  it('reads each process once a second, however many ask', async () => {
    let reads = 0;
    addresses = [await serve(() => `x ${++reads}`)];
    const all = scrape();
    await Promise.all([all.round(), all.round()]);
    nowMs += SHARED_MS - 1;
    await all.round();
    expect(reads).toBe(1);
    nowMs += 1;
    await all.round();
    expect([reads, sumOf(all.figures(), 'x')]).toEqual([2, 2]);
  });

  it('forgets a process that has left the name, and is not complete without any', async () => {
    const address = await serve(() => 'x 1');
    addresses = [address];
    const all = scrape();
    await all.round();
    addresses = [];
    nowMs += 1000;
    await all.round();
    expect([all.isComplete(), all.figures().size]).toEqual([false, 0]);
    addresses = new Error('no such name');
    nowMs += 1000;
    await all.round();
    expect(all.isComplete()).toBe(false);
  });
});

describe('the queue time', () => {
  let clock: ManualClock;
  let pages: Record<string, string>;
  let isComplete: boolean;
  let queue: QueueTime;

  beforeEach(() => {
    clock = new ManualClock();
    isComplete = true;
    pages = { a: page('big', 100, 10), b: page('big', 200, 10) };
    const figures = (): Figures =>
      new Map(
        Object.entries(pages).map(([address, text]) => [address, samplesOf(text, new Set(QUEUE_NAMES))]),
      );
    queue = new QueueTime({ figures, isComplete: () => isComplete }, clock.now);
  });

  const page = (model: string, items: number, seconds: number) =>
    ['queue', 'run']
      .map((stage) => `{model="${model}",version="1",stage="${stage}"}`)
      .flatMap((labels) => [
        `headgate_inference_stage_duration_seconds_sum${labels} ${seconds}`,
        `headgate_inference_stage_duration_seconds_count${labels} ${items}`,
      ])
      .join('\n');

  const second = (next: Record<string, string>) => {
    clock.advance(1000);
    pages = next;
    queue.note();
  };

  it('is the mean of what left the queues of all pods lately', () => {
    queue.note();
    expect(queue.mean('big')).toBeUndefined();
    second({ a: page('big', 110, 12), b: page('big', 210, 11) });
    expect([queue.mean('big'), queue.mean(undefined), queue.mean('other')]).toEqual([0.15, 0.15, 0]);
  });

  it('is zero where nothing left them, and forgets what is older than its window', () => {
    queue.note();
    second({ a: page('big', 110, 12), b: page('big', 210, 11) });
    for (let i = 0; i <= WINDOW_MS / 1000; i++) second(pages);
    expect(queue.mean('big')).toBe(0);
  });

  it('counts a pod that is new, or restarted, from zero', () => {
    queue.note();
    second({ a: page('big', 4, 2), b: page('big', 200, 10), c: page('big', 6, 3) });
    expect(queue.mean('big')).toBe(0.5);
  });

  it('is missing without fresh figures of every pod', () => {
    queue.note();
    second(pages);
    expect(queue.mean('big')).toBe(0);
    isComplete = false;
    for (let i = 0; i <= FRESH_MS / 1000; i++) second(pages);
    expect(queue.mean('big')).toBeUndefined();
  });
});

describe('external metrics', () => {
  const path = '/apis/external.metrics.k8s.io/v1beta1';
  const asked: (string | undefined)[] = [];
  const queueSeconds = (model: string | undefined) => {
    asked.push(model);
    return model === 'gone' ? undefined : 0.1254;
  };
  const get = (url: string, method = 'GET') => answerTo(method, url, { queueSeconds });

  it('are discovered', () => {
    expect(get(`${path}?timeout=32s`)).toMatchObject({
      status: 200,
      body: { kind: 'APIResourceList', resources: [{ name: 'headgate_queue_seconds', namespaced: true }] },
    });
  });

  it('are one value of a model, or of all', () => {
    const values = (query: string) => get(`${path}/namespaces/shop/headgate_queue_seconds${query}`);
    expect(values('?labelSelector=model%3Dbig')).toMatchObject({
      status: 200,
      body: { items: [{ metricLabels: { model: 'big' }, window: 15, value: '125m' }] },
    });
    values('');
    expect(asked).toEqual(['big', undefined]);
    expect(values('?labelSelector=model%20in%20(a)').status).toBe(400);
    expect(values('?labelSelector=model%3Dgone')).toMatchObject({ status: 503, body: { kind: 'Status' } });
  });

  it.each([
    ['GET', '/apis', 404],
    ['GET', `${path}/namespaces/shop/other`, 404],
    ['GET', `${path}/headgate_queue_seconds`, 404],
    ['POST', `${path}/namespaces/shop/headgate_queue_seconds`, 405],
  ])('%s %s is %i', (method, url, status) => {
    expect(get(url, method)).toMatchObject({ status, body: { kind: 'Status', code: status } });
  });

  it('are refused without a certificate, by the name of the setting', async () => {
    const logger = { info: () => undefined, error: () => undefined };
    const options = { tlsDir: join(tempDir(), 'none'), host: '127.0.0.1', port: 0, queueSeconds, logger };
    await expect(startMetricsApi(options)).rejects.toThrow('control.metrics_tls_dir: expected tls.crt');
  });
});
