import { HEADER } from '@headgate/contracts/names';
import { fetchOnce, httpClient } from '@headgate/testkit/http';
import { samplePhoto } from '@headgate/testkit/photos';
import { expectPrediction, expectTop, postPhoto } from '@headgate/testkit/predict';
import { type OwnedStack, processesOf, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let stack: OwnedStack;
let orphans: number[] | undefined;

beforeAll(async () => {
  stack = await startStack({ env: { HEADGATE_PYTHON: '/nonexistent/python3' } });
});

afterAll(async () => {
  orphans = await stack.stop();
  expect(orphans).toEqual([]);
});

describe('On a machine without Python', () => {
  it('npm start says what is missing and how to get it', () => {
    expect(stack.supervisor.output()).toMatch(/python/i);
    expect(stack.ready.mode).toBe('fallback');
  });

  it('the ready file names no listener that needs Envoy, and no Envoy runs', () => {
    expect(stack.ready).toMatchObject({ https: null, caFile: null, internalGrpc: null, model: 'digits' });
    expect(processesOf(stack, 'envoy')).toEqual([]);
  });

  it('a seven over plain HTTP on loopback is a "7"', async () => {
    expect(new URL(stack.ready.gateway)).toMatchObject({ protocol: 'http:' });
    const client = httpClient(stack.ready.gateway);
    const answer = await postPhoto(client, samplePhoto('digit-7.png'), { key: stack.ready.keys.client });
    await client.close();
    expect(expectPrediction(answer).model).toBe('digits');
    expect(expectTop(answer)).toMatchObject({ label: '7', class_id: 7 });
  });

  it('health, metrics and the OpenAPI document are served as ever', async () => {
    for (const url of [stack.ready.health, stack.ready.metrics, stack.ready.openapi]) {
      expect((await fetchOnce(url)).status).toBe(200);
    }
  });

  it('keys are asked for as ever', async () => {
    const client = httpClient(stack.ready.gateway);
    const answer = await client.send({ path: '/predict', headers: { [HEADER.requestId]: 'a' }, body: 'x' });
    await client.close();
    expect(answer.status).toBe(401);
  });
});
