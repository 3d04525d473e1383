import type { ModelVersionView } from '@headgate/contracts/admin/api';
import { modelVersion as version } from '@headgate/testkit/model-version';
import { describe, expect, it } from 'vitest';
import { answerOf, differenceTo, isCandidate, isRejectable, registryNote } from './words.ts';

describe('the page Models', () => {
  const control = version({ role: 'control', aliases: ['champion'], metrics: { accuracy: 0.9 } });
  const candidate = version({
    version: '3',
    aliases: ['candidate', 'staging'],
    metrics: { accuracy: 0.912 },
  });

  it('says which version is the control, and which one waits', () => {
    const models = [
      { model: 'digits', versions: [candidate, control] },
      { model: 'net', versions: [version({ version: '7', role: 'control' })] },
    ];
    expect(answerOf({ models })).toBe(
      'Version 1 is the control of digits. Version 3 waits for an approval. Version 7 is the control of net.',
    );
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
