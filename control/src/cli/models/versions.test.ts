import type { ModelsView, ModelVersionView } from '@headgate/contracts/admin/api';
import { modelVersion } from '@headgate/testkit/model-version';
import { describe, expect, it } from 'vitest';
import { AdminError } from '../../api/api-env.ts';
import { headgate } from '../../testing/command-line.ts';
import { type Answers, fakeControl } from '../../testing/fake-control.ts';
import { rolloutAt } from '../../testing/views.ts';

const MADE_MS = Date.parse('2029-12-30T00:00:00Z');
const trained = { metrics: { accuracy: 0.91234, f1: 0.9 }, data_version: 'b'.repeat(40) };
const version = (changes: Partial<ModelVersionView>) => modelVersion({ ...trained, ...changes });
const VIEW: ModelsView = {
  registry: { state: 'unreachable', detail: 'The model registry does not answer.', checked_at_ms: MADE_MS },
  models: [
    {
      model: 'digits',
      rollback_to: null,
      versions: [
        version({ version: '4', complete: false, metrics: {} }),
        version({ version: '3', rejected: 'blurry \u001b[2Jcats' }),
        version({
          version: '2',
          aliases: ['candidate', 'staging'],
          stage: 'Staging',
          role: 'loaded',
          pods: 2,
          problem: 'its digest differs',
        }),
        version({
          content_differs: true,
          aliases: ['champion'],
          stage: 'Production',
          role: 'control',
          pods: 2,
          ready_pods: 2,
        }),
      ],
    },
  ],
};
const begun = { kind: 'preparing', since_ms: MADE_MS } as const;
const ROLLOUT = rolloutAt([{ at_ms: MADE_MS, to: begun, weight: 0, by: 'user:ann', evidence: [] }]);

const run = async (argv: readonly string[], answers: Answers) => {
  const control = fakeControl({ 'GET /models': VIEW, ...answers });
  return { ...(await headgate(['models', ...argv], { fetch: control.fetch })), calls: control.calls };
};

describe('headgate models', () => {
  it('list shows each version, what is rejected, what does not load, and that the registry is away', async () => {
    const { code, out } = await run(['list', 'digits'], {});
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['VERSION', 'STATE', 'SERVING', 'ACCURACY', 'DATA', 'READY', 'REGISTERED'],
      ['4', 'incomplete', '-', '-', 'bbbbbbbbbbbb', '-', '2029-12-30T00:00:00Z'],
      ['3', 'rejected', '-', '0.9123', 'bbbbbbbbbbbb', '-', '2029-12-30T00:00:00Z'],
      ['2', 'candidate', 'loaded', '0.9123', 'bbbbbbbbbbbb', '0 of 2 pods', '2029-12-30T00:00:00Z'],
      ['1', 'champion', 'serving (control)', '0.9123', 'bbbbbbbbbbbb', '2 of 2 pods', '2029-12-30T00:00:00Z'],
      [''],
      ['version 3 is rejected: blurry \\u001b[2Jcats'],
      ['version 2: its digest differs'],
      ['version 1: inference serves another content than the registered one'],
      [''],
      ['The model registry does not answer. Its part of the list is of 2029-12-30T00:00:00Z.'],
      [''],
    ]);
    const { out: json } = await run(['list', 'digits', '--json'], {});
    expect(JSON.parse(json)).toMatchObject({ model: 'digits', registry: { state: 'unreachable' } });
    expect(await run(['list', 'nets'], {})).toMatchObject({
      code: 4,
      err: expect.stringContaining('no model nets'),
    });
  });

  it('list says how to register a model that is served and not registered', async () => {
    const versions = [version({ created_at_ms: null, role: 'control' })];
    const registry = { state: 'ok', detail: '', checked_at_ms: MADE_MS } as const;
    const view: ModelsView = { registry, models: [{ model: 'digits', rollback_to: null, versions }] };
    const { out } = await run(['list', 'digits'], { 'GET /models': view });
    expect(out).toMatch(/^1 +not registered +serving \(control\)/m);
    expect(out).toContain('headgate-pipelines adopt digits --models models --champion 1');
  });

  it('approve starts a rollout by the policy and for the reason that are named', async () => {
    const { code, out, calls } = await run(['approve', 'digits', '2', '--policy', 'fast', '--why', 'good'], {
      'POST /models/:model/approve': ROLLOUT,
    });
    expect([code, out]).toEqual([0, expect.stringContaining('approved; rollout digits-2: preparing since')]);
    const body = { version: '2', policy: 'fast', why: 'good' };
    expect(calls.filter(({ call }) => call.startsWith('POST'))).toEqual([
      { call: 'POST /models/digits/approve', body },
    ]);
  });

  it('approve --follow ends with 8 after a rollback', async () => {
    const end = { kind: 'rolled_back', since_ms: MADE_MS, by: 'control', why: 'errors' } as const;
    const rolledBack = rolloutAt([{ at_ms: MADE_MS, to: end, weight: 0, by: 'control', evidence: [] }]);
    const { code } = await run(['approve', 'digits', '2', '--follow'], {
      'POST /models/:model/approve': rolledBack,
    });
    expect(code).toBe(8);
  });

  it('approve of another version ends with the code of a conflict', async () => {
    const refuse = () => {
      throw new AdminError('conflict', 'Version 3 is not the candidate.');
    };
    const { code, err } = await run(['approve', 'digits', '3'], { 'POST /models/:model/approve': refuse });
    expect([code, err]).toEqual([5, expect.stringContaining('is not the candidate')]);
  });

  it('reject needs a reason', async () => {
    const answers = { 'POST /models/:model/reject': VIEW };
    expect((await run(['reject', 'digits', '2'], answers)).code).toBe(2);
    const { out, calls } = await run(['reject', 'digits', '2', '--why', 'blurry'], answers);
    expect(out).toBe('digits: version 2 is rejected\n');
    expect(calls.at(-1)?.body).toEqual({ version: '2', why: 'blurry' });
  });

  it('rollback says how long it took', async () => {
    const { out, calls } = await run(['rollback', 'digits', '--to', '1', '--why', 'cats'], {
      'POST /models/:model/rollback': { from: '2', to: '1', took_ms: 1234 },
    });
    expect(out).toBe('digits: version 1 gets all units, in place of version 2, after 1.23 s\n');
    expect(calls.at(-1)?.body).toEqual({ to: '1', why: 'cats' });
  });
});
