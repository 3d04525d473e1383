import { describe, expect, it } from 'vitest';
import { Health } from './health.ts';
import type { Status } from './models/deployment.ts';

/** Health over versions of one model, `1` being the control. */
function setUp(statuses: Record<string, Status>) {
  const state = new Map(Object.entries(statuses));
  const health = new Health({
    all: () => [...state].map(([version, status]) => ({ model: 'm', version, status })),
    controlVersion: () => '1',
  });
  const set = (version: string, status: Status) => {
    state.set(version, status);
    health.refresh();
  };
  health.refresh();
  return { health, state, set };
}

describe('Health', () => {
  it('is not ready before any routing table was applied', () => {
    expect(setUp({}).health.isReady).toBe(false);
  });

  it('waits for every version that the server started with', () => {
    const { health, set } = setUp({ 1: 'loading', 2: 'loading' });
    set('1', 'ready');
    expect(health.isReady).toBe(false);
    expect(health.isVersionReady('m', '1')).toBe(true);
    set('2', 'ready');
    expect(health.isReady).toBe(true);
  });

  it('does not wait for a version that failed, nor for one that is added later', () => {
    const { health, set } = setUp({ 1: 'ready', 2: 'failed' });
    expect(health.isReady).toBe(true);
    set('3', 'loading');
    expect(health.isReady).toBe(true);
    expect(health.isVersionReady('m', '3')).toBe(false);
  });

  it('follows the control version', () => {
    const { health, set } = setUp({ 1: 'ready', 2: 'ready' });
    set('2', 'failed');
    expect(health.isReady).toBe(true);
    set('1', 'failed');
    expect(health.isReady).toBe(false);
    set('1', 'ready');
    expect(health.isReady).toBe(true);
  });

  it('is ready for nothing once it drains', () => {
    const { health } = setUp({ 1: 'ready' });
    health.drain();
    expect([health.isReady, health.isVersionReady('m', '1')]).toEqual([false, false]);
  });

  it('knows nothing of names like those of an object', () => {
    const { health } = setUp({ 1: 'ready' });
    expect(health.isVersionReady('constructor', 'prototype')).toBe(false);
  });
});
