import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LoadError } from '../../load-error.ts';
import { sessionOptions, tryProvider } from '../child/onnx.ts';
import type { ProbeResult } from '../protocol.ts';
import { chooseProvider, probeDevices, probeProvider } from './provider.ts';

const works = async (): Promise<ProbeResult> => ({ ok: true });
const fails = async (): Promise<ProbeResult> => ({ ok: false, reason: 'no libcuda' });

describe('chooseProvider', () => {
  it('takes the first configured provider that works', async () => {
    expect(await chooseProvider({ providers: ['cuda', 'cpu'], require: 'none' }, works)).toBe('cuda');
    expect(await chooseProvider({ providers: ['cuda', 'cpu'], require: 'none' }, fails)).toBe('cpu');
  });

  it('refuses with the reason and the remedy when the required one does not work', async () => {
    const choice = chooseProvider({ providers: ['cuda', 'cpu'], require: 'cuda' }, fails);
    await expect(choice).rejects.toThrow(LoadError);
    await expect(choice).rejects.toThrow(/require is cuda.*no libcuda.*set inference\.execution\.require/);
  });

  it('refuses when another provider than the required one comes first, or none works', async () => {
    await expect(chooseProvider({ providers: ['cuda'], require: 'cpu' }, works)).rejects.toThrow(
      /require is cpu/,
    );
    await expect(chooseProvider({ providers: ['cuda'], require: 'none' }, fails)).rejects.toThrow(
      /no libcuda/,
    );
  });

  it('accepts a required provider that works', async () => {
    expect(await chooseProvider({ providers: ['cuda', 'cpu'], require: 'cuda' }, works)).toBe('cuda');
  });
});

describe('probeDevices', () => {
  it('asks for each device, and names the one that does not work', async () => {
    const asked: number[] = [];
    const probe = (broken: number) => (device: number) => {
      asked.push(device);
      return device === broken ? fails() : works();
    };
    expect(await probeDevices([0, 3], probe(-1))).toEqual({ ok: true });
    expect(await probeDevices([0, 3, 4], probe(3))).toEqual({ ok: false, reason: 'device 3: no libcuda' });
    expect(asked).toEqual([0, 3, 0, 3]);
  });
});

describe('probeProvider', () => {
  const child = new URL('../child/main.ts', import.meta.url);

  it('finds the CPU provider in a process of its own', async () => {
    expect(await probeProvider(child, 'cpu', 0)).toEqual({ ok: true });
  });

  it('takes a crash of that process for "does not work", and survives it', async () => {
    const missing = new URL('./no-such-module.ts', import.meta.url);
    expect(fileURLToPath(missing)).toContain('no-such-module');
    expect(await probeProvider(missing, 'cuda', 0)).toMatchObject({ ok: false, reason: /crashed/ });
  });
});

describe('tryProvider', () => {
  it('says in one line why a provider cannot be used', async () => {
    expect(await tryProvider('cpu', 0)).toEqual({ ok: true });
  });
});

describe('sessionOptions', () => {
  it('runs on the CPU with the given threads, without spinning', () => {
    expect(sessionOptions({ provider: 'cpu', deviceId: 3, intraOpThreads: 2 })).toMatchObject({
      executionProviders: ['cpu'],
      intraOpNumThreads: 2,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
  });

  it('asks for the configured CUDA device, with the CPU behind it', () => {
    expect(sessionOptions({ provider: 'cuda', deviceId: 3, intraOpThreads: 2 }).executionProviders).toEqual([
      { name: 'cuda', deviceId: 3 },
      'cpu',
    ]);
  });
});
