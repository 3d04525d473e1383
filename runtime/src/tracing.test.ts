import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { startTracing, type Tracing } from './tracing.ts';

let collector: ReturnType<typeof createServer> | undefined;
let tracing: Tracing | undefined;

/** A collector that keeps what it was sent. */
async function listen(received: { url: string; authorization: string | undefined; body: string }[]) {
  collector = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push({ url: request.url ?? '', authorization: request.headers.authorization, body });
    response.end('{}');
  });
  await new Promise<void>((resolve) => collector?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(collector.address() as AddressInfo).port}/spans`;
}

afterEach(async () => {
  await tracing?.stop();
  trace.disable();
  await new Promise((resolve) => collector?.close(resolve) ?? resolve(undefined));
  collector = undefined;
});

const warnings: string[] = [];
const warn = (message: string) => void warnings.push(message);

describe('startTracing', () => {
  it.each([
    ['otlp', 'port 4318'],
    ['zipkin', 'port 9411'],
  ] as const)('says where spans go when %s has no endpoint', async (exporter, place) => {
    warnings.length = 0;
    const config = { exporter, endpoint: '', sample_ratio: 1, authorization: '' };
    tracing = await startTracing({ service: 'gateway', version: '1', config, warn });
    expect(warnings).toEqual([expect.stringContaining(place)]);
  });

  it('leaves spans as no-ops when no exporter is configured', async () => {
    tracing = await startTracing({
      service: 'gateway',
      version: '1',
      warn,
      config: { exporter: 'none', endpoint: '', sample_ratio: 1, authorization: '' },
    });
    expect(trace.getTracer('test').startSpan('work').isRecording()).toBe(false);
  });

  it.each(['otlp', 'zipkin'] as const)(
    'sends finished spans to the %s collector on stop',
    async (exporter) => {
      const received: { url: string; authorization: string | undefined; body: string }[] = [];
      const endpoint = await listen(received);
      tracing = await startTracing({
        service: 'gateway',
        version: '1',
        warn,
        config: { exporter, endpoint, sample_ratio: 1, authorization: 'Bearer collector' },
      });
      trace.getTracer('test').startSpan('work').end();
      await tracing.stop();
      expect(received).toHaveLength(1);
      expect(received[0]).toMatchObject({ url: '/spans', authorization: 'Bearer collector' });
      expect(received[0]?.body).toContain('work');
      expect(received[0]?.body).toContain('gateway');
    },
  );

  it('sends a new authorization after a restart, and the old one no more', async () => {
    const received: { url: string; authorization: string | undefined; body: string }[] = [];
    const endpoint = await listen(received);
    for (const authorization of ['Bearer old', 'Bearer new']) {
      const config = { exporter: 'otlp' as const, endpoint, sample_ratio: 1, authorization };
      tracing = await startTracing({ service: 'gateway', version: '1', config, warn });
      trace.getTracer('test').startSpan('work').end();
      await tracing.stop();
      trace.disable();
    }
    expect(received.map(({ authorization }) => authorization)).toEqual(['Bearer old', 'Bearer new']);
  });
});
