import { createLogger } from '@headgate/contracts/telemetry/logger';
import { describe, expect, it } from 'vitest';
import { LoadError } from '../load-error.ts';
import { type EngineListener, startEngine } from './process.ts';
import type { EngineSpec } from './protocol.ts';

const entry = new URL('../testing/broken-engine.ts', import.meta.url);
const start = (behaviour: string, { signal = new AbortController().signal, startTimeoutMs = 10_000 } = {}) =>
  startEngine(
    {
      entry,
      env: process.env,
      spec: { directory: behaviour, decodeThreads: 1 } as EngineSpec,
      startTimeoutMs,
      runTimeoutMs: 50,
      log: createLogger({ service: 'test', level: 'silent' }),
    },
    signal,
  );
const nothing = () => {};

describe('startEngine', () => {
  it('passes on why an engine refuses its model', async () => {
    await expect(start('refuse')).rejects.toThrow(new LoadError('the model is of another world'));
  });

  it('notices an engine that ends while it loads', async () => {
    await expect(start('exit')).rejects.toThrow(/ended while it loaded the model: exit code 7/);
  });

  it('gives up on an engine that does not become ready', async () => {
    await expect(start('stall', { startTimeoutMs: 300 })).rejects.toThrow(/not ready within 300 ms/);
  });

  it('ends an engine that still loads when it is told to', async () => {
    const controller = new AbortController();
    const starting = start('stall', { signal: controller.signal });
    controller.abort();
    await expect(starting).rejects.toThrow(/SIGKILL/);
  });

  it('kills an engine whose run does not end', async () => {
    const engine = await start('hang');
    const decoded = new Promise<number>((resolve) => {
      const listener: EngineListener = {
        decoded: resolve,
        failed: nothing,
        ran: nothing,
        runFailed: nothing,
      };
      engine.listen(listener);
    });
    engine.prepare(1, Uint8Array.of(1));
    expect(await decoded).toBe(1);
    engine.run([1]);
    expect(await engine.ended).toBe('ended by SIGKILL');
  });

  it('keeps quiet when it is used after its engine has ended', async () => {
    const engine = await start('hang');
    engine.kill();
    await engine.ended;
    engine.prepare(1, Uint8Array.of(1));
    engine.discard(1);
  });
});
