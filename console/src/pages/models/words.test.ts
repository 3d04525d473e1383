import type { ModelVersionView } from '@headgate/contracts/admin/api';
import { modelVersion as version } from '@headgate/testkit/model-version';
import { describe, expect, it } from 'vitest';
import { answerOf, differenceTo, isCandidate, isRejectable, registryNote, rollbackTargets } from './words.ts';

describe('the page Models', () => {
  const control = version({ role: 'control', aliases: ['champion'], metrics: { accuracy: 0.9 } });
  const candidate = version({
    version: '3',
    aliases: ['candidate', 'staging'],
    metrics: { accuracy: 0.912 },
  });

  it('says which version serves, and which one waits', () => {
    const models = [
      { model: 'digits', rollback_to: null, versions: [candidate, control] },
      { model: 'net', rollback_to: null, versions: [version({ version: '7', role: 'control' })] },
    ];
    expect(answerOf({ models })).toBe(
      'Version 1 serves digits. Version 3 is the candidate: it waits for an approval. Version 7 serves net.',
    );
  });

  it('offers as a rollback the control before first, and others that served and load', () => {
    const versions = [
      version({ version: '5', stage: 'Archived', problem: 'no such file' }),
      version({ version: '4', aliases: ['candidate'] }),
      version({ version: '3', stage: 'Archived', rejected: 'blurry' }),
      version({ version: '2', stage: 'Archived' }),
      control,
    ];
    const model = { model: 'digits', rollback_to: '2', versions };
    expect(rollbackTargets(model, false)).toEqual([
      ['', 'version 2, the control before'],
      ['3', 'version 3 (rejected)'],
    ]);
    expect(rollbackTargets({ ...model, rollback_to: null }, true)[0]).toEqual([
      '',
      'version 1: the rollout ends',
    ]);
    expect(rollbackTargets({ ...model, rollback_to: null, versions: [control] }, false)).toEqual([]);
  });

  it('offers what the version allows', () => {
    const offered = (of: ModelVersionView) => [isCandidate(of), isRejectable(of)];
    expect(offered(candidate)).toEqual([true, true]);
    expect(offered({ ...candidate, complete: false })).toEqual([false, true]);
    expect(offered({ ...candidate, role: 'control' })).toEqual([false, false]);
    expect(offered(version({ aliases: ['staging'] }))).toEqual([false, true]);
    expect(offered(control)).toEqual([false, false]);
  });

  it('compares metrics with those of the control', () => {
    expect(differenceTo(control, candidate, 'accuracy')).toBe('+0.012');
    expect(differenceTo(candidate, control, 'accuracy')).toBe('-0.012');
    expect(differenceTo(control, control, 'accuracy')).toBe('');
    expect(differenceTo(control, candidate, 'ece')).toBe('');
    expect(differenceTo(undefined, candidate, 'accuracy')).toBe('');
  });

  it('says what is wrong with the registry', () => {
    const state = { detail: 'No registry is configured: set registry.url.', checked_at_ms: null };
    expect(registryNote({ ...state, state: 'ok' })).toBeUndefined();
    expect(registryNote({ ...state, state: 'none' })?.text).toContain('set registry.url');
    expect(registryNote({ ...state, state: 'unreachable' })?.text).toContain('a rollback works');
  });
});
