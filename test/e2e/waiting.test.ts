import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER, METRIC, portOf } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { type Answer, type Client, httpClient, httpsClient } from '@headgate/testkit/http';
import { scrape, total } from '@headgate/testkit/metrics';
import { samplePhoto } from '@headgate/testkit/photos';
import { postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, pidOf, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** So long does an idle engine wait for company here, in ms. */
const DELAY_MS = 1000;
/** What is kept of a deadline for the way back, in ms: even on a busy machine, an answer is back by then. */
const RESERVE_MS = 15_000;
/** Of an engine that stands still: two items gather, one waits in the queue, the fourth is too many. */
const ROOM = 3;

const photo = samplePhoto('digit-7.png');
const repository = mkdtempSync(join(tmpdir(), 'headgate-waiting-'));
let stack: OwnedStack;

/** The digits model, with a batch delay and hardly any queue, behind the whole path. */
beforeAll(async () => {
  cpSync(join(ROOT, 'models/digits'), join(repository, 'digits'), { recursive: true });
  const path = join(repository, 'digits/1/manifest.yaml');
  const manifest = readFileSync(path, 'utf8')
    .replace('max_queue_delay_ms: 0', `max_queue_delay_ms: ${DELAY_MS}`)
    .replace('max_batch_size: 8', 'max_batch_size: 2')
    .replace('max_queue_size: 64', 'max_queue_size: 1');
  writeFileSync(path, manifest);
  const routing = join(repository, 'routing.yaml');
  cpSync(join(ROOT, 'config/routing.fallback.yaml'), routing);
  stack = await startStack({
    env: {
      HEADGATE_INFERENCE__MODELS_DIR: repository,
      HEADGATE_ROUTING_FILE: routing,
      HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1',
      HEADGATE_INFERENCE__ADMISSION__ANSWER_RESERVE_MS: String(RESERVE_MS),
      // A limit that had learned from the callers before would refuse others than those who find no room.
      HEADGATE_INFERENCE__ADMISSION__ADAPTIVE_LIMIT__ENABLED: 'false',
      HEADGATE_GATEWAY__DEADLINE__DEFAULT_MS: '30000',
    },
  });
});

afterAll(async () => {
  expect(await stack.stop()).toEqual([]);
  rmSync(repository, { recursive: true });
});

const ask = (client: Client, headers = {}) =>
  postPhoto(client, photo, { key: stack.ready.keys.bench, headers });

/** Does something while the engine stands still, so that whoever waits then goes on waiting. */
async function whileStopped<T>(work: () => Promise<T>): Promise<T> {
  const engine = pidOf(stack, 'engine');
  process.kill(engine, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(engine, 'SIGCONT');
  }
}

async function count(metric: string, labels = {}): Promise<number> {
  return total(
    await scrape(`http://127.0.0.1:${portOf(stack.portBase, 'inferenceInternal')}/metrics`),
    metric,
    labels,
  );
}
const runs = () => count(METRIC.batches);
const itemsRun = () => count(`${METRIC.batchSize}_sum`);
const inFlight = (items: number) =>
  eventually(async () => (await count(METRIC.inFlight)) === items, {
    what: `${items} items in flight`,
    withinMs: 30_000,
    everyMs: 2,
  });

describe('A caller who waits for a batch', () => {
  it.each([
    ['Envoy', () => httpsClient(stack.ready)],
    ['the gateway', () => httpClient(stack.ready.gateway)],
  ])('and hangs up on %s gives up the place at once, and is never run', async (peer, connect) => {
    const [runsBefore, itemsBefore] = [await runs(), await itemsRun()];
    const client = connect();
    await whileStopped(async () => {
      const answer = ask(client).catch(() => 'hung up');
      await inFlight(1);
      const startMs = performance.now();
      await client.close();
      await inFlight(0);
      const tookMs = performance.now() - startMs;
      console.log(`hung up on ${peer}: the place was free after ${tookMs.toFixed(0)} ms`);
      expect(await answer).toBe('hung up');
    });
    const next = connect();
    expect((await ask(next)).status).toBe(200);
    await next.close();
    expect([(await runs()) - runsBefore, (await itemsRun()) - itemsBefore]).toEqual([1, 1]);
  });

  it('with too little time for the whole delay is answered before it ends', async () => {
    const client = httpsClient(stack.ready);
    const hurried = () => count(METRIC.batches, { release: 'deadline' });
    const before = await hurried();
    // On a busy machine the delay may pass before the picture is decoded: another one is sent then.
    const isHurried = async () => {
      expect((await ask(client, { [HEADER.timeoutMs]: String(RESERVE_MS) })).status).toBe(200);
      return (await hurried()) > before;
    };
    await eventually(isHurried, { what: 'a batch that left for a deadline', withinMs: 30_000 });
    await client.close();
  });
});

describe('Callers who find no room', () => {
  it('hear 503 with the reason and when to come again; the others are answered', async () => {
    const client = httpsClient(stack.ready);
    const refused: Answer[] = [];
    const one = async () => {
      const answer = await ask(client);
      if (answer.status !== 200) refused.push(answer);
      return answer.status;
    };
    const crowd = await whileStopped(async () => {
      const asked = Array.from({ length: 4 * ROOM }, one);
      await eventually(() => refused.length === 3 * ROOM, { what: 'the refusals', withinMs: RESERVE_MS });
      return asked;
    });
    expect((await Promise.all(crowd)).filter((status) => status === 200)).toHaveLength(ROOM);
    await client.close();
    for (const { status, headers, text } of refused) {
      expect([status, JSON.parse(text).reason]).toEqual([503, 'overloaded']);
      expect(Number(headers[HEADER.retryAfter])).toBeGreaterThanOrEqual(1);
    }
  });
});
