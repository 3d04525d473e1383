import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningInference, runInference } from './testing/running-inference.ts';

describe('grpc.health.v1 Watch', () => {
  let running: RunningInference;
  beforeAll(async () => {
    running = await runInference(['1']);
    await running.until(async () => (await running.get('/readyz')).status === 200);
  }, 30_000);
  afterAll(() => running.stop());

  /** States that a watcher of `service` was told, in order. */
  function watch(service: string): string[] {
    const told: string[] = [];
    const stream = running.health.watch({ service });
    stream.on('data', ({ status }) => told.push(status));
    stream.on('error', () => {});
    return told;
  }

  it('tells the life of a version: unknown, loading, serving, unknown again; the server stays ready', async () => {
    const version = watch('digits/2');
    const server = watch('');
    await running.until(async () => version.length === 1 && server.length === 1);
    running.addVersion('2');
    running.route(['1', '2']);
    await running.until(async () => version.includes('SERVING'));
    running.route(['1']);
    await running.until(async () => version.length === 4);
    expect(version).toEqual(['SERVICE_UNKNOWN', 'NOT_SERVING', 'SERVING', 'SERVICE_UNKNOWN']);
    expect(server).toEqual(['SERVING']);
  });

  it('tells that nothing is ready before the process stops, and ends', async () => {
    const server = watch('inference.GRPCInferenceService');
    const version = watch('digits/1');
    await running.until(async () => server.length === 1 && version.length === 1);
    await running.stop();
    expect(server).toEqual(['SERVING', 'NOT_SERVING']);
    expect(version).toEqual(['SERVING', 'NOT_SERVING']);
  });
});
