import type { AuditRow, RequestView, ShadowReport } from '@headgate/contracts/admin/api';
import { describe, expect, it } from 'vitest';
import { headgate, NOW } from '../testing/command-line.ts';
import { fakeControl } from '../testing/fake-control.ts';
import { ROUTING } from '../testing/views.ts';

const ENTRY: AuditRow = {
  at_ms: NOW,
  writer: 'gateway-1',
  seq: 7,
  type: 'call',
  who: 'key:k3f9',
  action: 'POST /predict',
  outcome: '200',
  reason: null,
  request_id: 'request-1',
  id: '01a205d8-12eb-78c0-97f2-d08ae8e9b6da',
  trace_id: 'cd'.repeat(16),
  detail: {},
};

const REQUEST: RequestView = {
  id: '01a205d8-12eb-78c0-97f2-d08ae8e9b6da',
  found_by: 'trace_id',
  request_id: 'request-1',
  trace_id: 'cd'.repeat(16),
  at_ms: NOW,
  model: 'digits',
  items: [
    {
      index: 0,
      version: '1',
      variant: 'a',
      assigned_variant: 'b',
      experiment: 'a-or-b',
      outcome: 'ok',
      latency_ms: 43.2,
      label: 'seven\u001b[31m',
      score: 0.98765,
      image_sha256: 'ab'.repeat(32),
      image_bytes: 420,
      tenant: 'aa',
      unit: 'bb',
      feedback: { at_ms: NOW, label: 'one', class_id: null, reward: 0.5 },
    },
  ],
  audit: [ENTRY],
};

const calls = async (argv: readonly string[], answers: Parameters<typeof fakeControl>[0]) => {
  const control = fakeControl(answers);
  const told = await headgate(argv, control);
  return { ...told, calls: control.calls };
};

it('headgate records show has the variant that a unit was assigned, feedback and audit', async () => {
  const { code, out } = await calls(['records', 'show', REQUEST.id], {
    [`GET /requests/${REQUEST.id}`]: REQUEST,
  });
  expect(code).toBe(0);
  expect(out).toContain(`found by its trace id\nrequest id  request-1\ntrace id    ${'cd'.repeat(16)}\n`);
  expect(out).toContain('image 0: seven\\u001b[31m (0.9877)');
  expect(out).toContain('version 1, variant a of a-or-b, assigned b, 43 ms');
  expect(out).toContain('feedback at 2030-01-01T00:00:00Z: one, reward 0.5');
  expect(out).toMatch(/key:k3f9 +POST \/predict +200 +request-1 +gateway-1\/7 +-\n/);
});

describe('headgate records accuracy', () => {
  const accuracy = [
    { model: 'digits', version: '1', judged: 200, correct: 182, accuracy: 0.91, low: 0.86, high: 0.945 },
  ];

  it('asks for a time, before now or by date', async () => {
    const argv = ['records', 'accuracy', 'digits', '--from', '7d', '--to', '2029-12-31'];
    const { out, calls: made } = await calls(argv, { 'GET /accuracy': { accuracy } });
    expect(made[0]?.call).toBe(
      `GET /accuracy?model=digits&from_ms=${NOW - 7 * 86_400_000}&to_ms=${Date.parse('2029-12-31')}`,
    );
    expect(out).toMatch(/digits +1 +91 % +86 % to 94\.5 % +182 +200\n/);
  });

  it.each(['yesterday', '7', '9999999d'])('refuses %s as a time', async (text) => {
    const { code } = await calls(['records', 'accuracy', '--from', text], {});
    expect(code).toBe(2);
  });

  it('says what is missing where nobody sends feedback', async () => {
    const { out } = await calls(['records', 'accuracy'], { 'GET /accuracy': { accuracy: [] } });
    expect(out).toContain('there is no feedback');
  });
});

describe('headgate audit find', () => {
  const find = (...argv: string[]) =>
    calls(['audit', 'find', ...argv], { 'GET /audit': { entries: [ENTRY], next, lacks_before_ms: lacks } });
  let next: string | null = null;
  let lacks: number | null = null;

  it('asks by key id, action, time and request', async () => {
    const more = ['--action', 'rollout.start', '--since', '1h', '--request', 'request-1', '--limit', '5'];
    const { code, calls: made } = await find('--who', 'k3f9', ...more);
    expect(code).toBe(0);
    expect(made[0]?.call).toBe(
      `GET /audit?limit=5&who=k3f9&action=rollout.start&from_ms=${NOW - 3_600_000}&request_id=request-1`,
    );
  });

  it('says when there may be more', async () => {
    expect((await find()).out).not.toContain('older');
    next = '1000.7.gateway-1';
    expect((await find()).out).toContain(`older ones: --after ${next}\n`);
    const { calls: made } = await find('--after', next, '--changes');
    expect(made[0]?.call).toBe(`GET /audit?limit=100&after=${next}&type=change`);
    expect((await find('--limit', '0')).code).toBe(2);
  });

  it('says where entries may be missing', async () => {
    expect((await find()).out).not.toContain('incomplete');
    lacks = NOW;
    expect((await find()).out).toContain('incomplete: the store does not have all entries before');
  });
});

describe('headgate shadow', () => {
  const shadow: ShadowReport = {
    model: 'digits',
    at_ms: NOW,
    revision: 'r1',
    control_version: '1',
    shadows: [
      {
        version: '2',
        sample: 5,
        since_ms: NOW,
        compared: 400,
        dropped: 3,
        failed: 1,
        sentence: 'Version 2 names the same label for 97 % of the images.',
        agreement: { value: 0.97, low: 0.95, high: 0.985, compared: 400 },
        noise: null,
        score_drift: null,
        confusion: [{ control: 'one', shadow: 'seven', count: 8 }],
        latency: null,
        label_order_differs: false,
      },
    ],
  };
  const answers = {
    'GET /routing': ROUTING,
    'GET /shadow/digits': shadow,
    'PUT /shadow/digits': { ...ROUTING, revision: 'r2' },
  };

  it('report says the sentence, the agreement and what was confused', async () => {
    const { out } = await calls(['shadow', 'report'], answers);
    expect(out).toContain('Version 2 names the same label');
    expect(out).toContain('same first label: 97 % (95 % to 98.5 %) of 400');
    expect(out).toContain('8 times: control one, version 2 seven');
  });

  it.each([
    [
      ['2=10', '3=0.5%'],
      0,
      [
        { version: '2', sample: 10 },
        { version: '3', sample: 0.5 },
      ],
    ],
    [['--off'], 0, []],
    [['2'], 2, undefined],
    [[], 2, undefined],
    [['2=10', '--off'], 2, undefined],
  ])('set %j', async (argv, code, shadows) => {
    const told = await calls(['shadow', 'set', 'digits', ...argv], answers);
    expect(told.code).toBe(code);
    expect(told.calls.at(-1)?.body).toEqual(shadows && { revision: 'r1', shadows });
  });
});
