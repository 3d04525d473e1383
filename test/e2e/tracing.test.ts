import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER } from '@headgate/contracts/names';
import { eventually } from '@headgate/testkit/eventually';
import { httpsClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, postPhoto } from '@headgate/testkit/predict';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, describe, expect, inject, it } from 'vitest';

const { ready, portBase } = inject('stack');
const client = httpsClient(ready);
afterAll(() => client.close());
const cat = samplePhoto('chelsea.png');
const LOGS = join(ROOT, 'state/logs', String(portBase));

/** Log lines of one process of the stack that contain `text`. */
function linesWith(text: string, part: 'envoy' | 'gateway' | 'inference'): string[] {
  return readFileSync(join(LOGS, `${part}.log`), 'utf8')
    .split('\n')
    .filter((line) => line.includes(text));
}

const logged = (text: string, part: Parameters<typeof linesWith>[1]) =>
  eventually(() => linesWith(text, part)[0], { what: `a line of ${part} with ${text}`, withinMs: 5_000 });

describe('A request that carries a trace', () => {
  it('is found by its trace id in the logs of gateway and inference', async () => {
    const traceId = randomBytes(16).toString('hex');
    const spanId = randomBytes(8).toString('hex');
    const headers = { [HEADER.traceparent]: `00-${traceId}-${spanId}-01` };
    expectPrediction(await postPhoto(client, cat, { key: ready.keys.bench, headers }));
    expect(JSON.parse(await logged(traceId, 'gateway'))).toMatchObject({ trace_id: traceId });
    expect(JSON.parse(await logged(traceId, 'inference'))).toMatchObject({ trace_id: traceId });
  });
});

describe('A request id', () => {
  it('of the caller is echoed, and found in the logs of Envoy, gateway and inference', async () => {
    const requestId = randomUUID();
    const headers = { [HEADER.requestId]: requestId };
    const answer = await postPhoto(client, cat, { key: ready.keys.bench, headers });
    expect(answer.headers[HEADER.requestId]).toBe(requestId);
    expect(expectPrediction(answer).id).not.toBe(requestId);
    for (const part of ['envoy', 'gateway', 'inference'] as const) {
      expect(JSON.parse(await logged(requestId, part))).toMatchObject({ request_id: requestId });
    }
  });

  it('is made when the caller sends none, another one each time', async () => {
    const ask = async () =>
      (await postPhoto(client, cat, { key: ready.keys.bench })).headers[HEADER.requestId];
    const [first, second] = [await ask(), await ask()];
    expect(first).toMatch(/^[\w-]{16,64}$/);
    expect(second).not.toBe(first);
  });

  it('that could forge a log line is replaced', async () => {
    const headers = { [HEADER.requestId]: `a"} {"level":60 ${'x'.repeat(300)}` };
    const answer = await postPhoto(client, cat, { key: ready.keys.bench, headers });
    expect(answer.headers[HEADER.requestId]).toMatch(/^[\w-]{16,64}$/);
  });
});

describe('The logs', () => {
  it('never hold a key or a file name', async () => {
    const requestId = randomUUID();
    const secret = ready.keys.bench;
    await postPhoto(client, cat, { key: secret, headers: { [HEADER.requestId]: requestId } });
    await logged(requestId, 'gateway');
    // hg_<id>_<secret>: the secret itself may have underscores.
    const secretPart = secret.split('_').slice(2).join('_');
    expect(secretPart.length).toBeGreaterThan(40);
    for (const part of ['envoy', 'gateway', 'inference'] as const) {
      expect(linesWith(secretPart, part)).toEqual([]);
      expect(linesWith('chelsea', part)).toEqual([]);
    }
  });
});
