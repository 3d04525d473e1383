import { createLogger } from '@headgate/runtime/logger';
import { describe, expect, it } from 'vitest';
import { LoadError, MemoryLimitError } from '../../load-error.ts';
import type { EngineSpec } from '../protocol.ts';
import { engineEnv, startEngine } from './process.ts';

const entry = new URL('../../testing/broken-engine.ts', import.meta.url);
const start = (
  behaviour: string,
  { signal = new AbortController().signal, startTimeoutMs = 10_000, memoryLimitBytes = 0 } = {},
) =>
  startEngine(
    {
      entry,
      env: process.env,
      spec: {
        directory: behaviour,
        decodeThreads: 1,
        deviceId: 0,
        manifest: { file: { external_data: [] } },
      } as unknown as EngineSpec,
      startTimeoutMs,
      runTimeoutMs: 50,
      memoryLimitBytes,
      log: createLogger({ service: 'test', level: 'silent' }),
    },
    signal,
  );
const MiB = 2 ** 20;

/** An engine that got one item and is told to run it. */
async function runOne(behaviour: string, options = {}) {
  const engine = await start(behaviour, options);
  const outcome = new Promise<unknown>((resolve) => {
    engine.listen({
      decoded: (id) => engine.run([id]),
      failed: (_, error) => resolve(error),
      discarded: () => {},
      ran: () => resolve('ran'),
      runFailed: resolve,
    });
  });
  engine.prepare(1, { payload: Uint8Array.of(1), sketch: false });
  return { engine, outcome };
}

describe('startEngine', () => {
  it('passes on why an engine refuses its model', async () => {
    await expect(start('refuse')).rejects.toThrow(
      new LoadError('the model is of another world', { kind: 'model' }),
    );
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
    const { engine } = await runOne('hang');
    expect(await engine.ended).toBe('ended by SIGKILL');
    expect(engine.endKind).toBe('hang');
  });

  it.each([
    ['oom', 'out_of_memory'],
    ['device', 'device_lost'],
  ])(
    'ends an engine after a run that failed with %s, and tells callers to try again',
    async (behaviour, kind) => {
      const { engine, outcome } = await runOne(behaviour);
      expect(await outcome).toMatchObject({ reason: 'unavailable', retryAfterMs: 1000 });
      await engine.ended;
      expect(engine.endKind).toBe(kind);
    },
  );

  it('says when an engine takes more memory than it may, and lets it go on', async () => {
    const { engine, outcome } = await runOne('grow', { memoryLimitBytes: 500 * MiB });
    await engine.wornOut;
    expect([await outcome, engine.residentBytes()]).toEqual(['ran', 2000 * MiB]);
    engine.kill();
  });

  it('refuses an engine that is too large before it has worked, and says what to change', async () => {
    const start50 = start('grow', { memoryLimitBytes: 50 * MiB });
    await expect(start50).rejects.toThrow(MemoryLimitError);
    await expect(start50).rejects.toThrow(/104857600 bytes .* raise inference.engine.memory_limit_bytes/);
  });

  it('keeps quiet when it is used after its engine has ended', async () => {
    const engine = await start('hang');
    engine.kill();
    await engine.ended;
    engine.prepare(1, { payload: Uint8Array.of(1), sketch: false });
    engine.discard(1);
  });
});

describe('engineEnv', () => {
  const envFor = (spec: Partial<EngineSpec>) =>
    engineEnv({ env: { PATH: '/bin' }, spec: { decodeThreads: 3, tf32: true, ...spec } as EngineSpec });

  it('sizes the thread pool for the decoders', () => {
    expect(envFor({ provider: 'cuda' })).toMatchObject({ PATH: '/bin', UV_THREADPOOL_SIZE: '4' });
  });

  it('keeps ONNX Runtime from sending usage data', () => {
    expect(envFor({ provider: 'cpu' })).toMatchObject({ ORT_DISABLE_TELEMETRY: '1' });
  });

  it('switches TF32 off where the binding cannot, and only for CUDA', () => {
    expect(envFor({ provider: 'cuda', tf32: false })).toMatchObject({ NVIDIA_TF32_OVERRIDE: '0' });
    expect(envFor({ provider: 'cpu', tf32: false })).not.toHaveProperty('NVIDIA_TF32_OVERRIDE');
  });
});
