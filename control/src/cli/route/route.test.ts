import { METRIC } from '@headgate/contracts/names';
import { describe, expect, it } from 'vitest';
import { AdminError } from '../../api/api-env.ts';
import { headgate } from '../../testing/command-line.ts';
import { fakeControl } from '../../testing/fake-control.ts';
import { LIVE, ROUTING } from '../../testing/views.ts';

const MOVES = [{ from: 'a', to: 'b', share: 10, units: 42 }];
const TWO = [
  { address: 'one:8442', ready: true },
  { address: 'two:8442', ready: true },
];

/** Control, and gateways that use these weights of b after so many looks. */
function service(uses: Readonly<Record<string, number | null>> = { 'one:8442': 20, 'two:8442': 20 }) {
  const { fetch, calls } = fakeControl({
    'GET /routing': ROUTING,
    'GET /live': { ...LIVE, gateways: TWO },
    'POST /routing/digits/preview': async (c) => {
      const { weights } = await c.req.json();
      const sum = Object.values<number>(weights).reduce((a, b) => a + b, 0);
      return sum === 100 ? { issues: [], moves: MOVES } : { issues: [`weights sum to ${sum}`], moves: [] };
    },
    'PUT /routing/digits/weights': async (c) => {
      const { revision } = await c.req.json();
      if (revision !== 'r1') throw new AdminError('conflict', 'Read it again.');
      return { ...ROUTING, revision: 'r2' };
    },
  });
  const gateway = async (host: string) => {
    const b = uses[host];
    if (b === null || b === undefined) throw new TypeError('nobody listens');
    const line = (variant: string, weight: number) =>
      `${METRIC.routingWeight}{model="digits",variant="${variant}"} ${weight}\n`;
    return new Response(line('a', 100 - b) + line('b', b));
  };
  return {
    calls,
    fetch: (async (input, init) => {
      const { host, pathname } = new URL(String(input));
      return pathname === '/metrics' ? gateway(host) : fetch(input, init);
    }) as typeof globalThis.fetch,
  };
}

const written = ({ calls }: ReturnType<typeof service>) =>
  calls.filter(({ call }) => call.startsWith('PUT')).map(({ body }) => body);

describe('headgate route set', () => {
  const set = (control: ReturnType<typeof service>, ...argv: string[]) =>
    headgate(['route', 'set', 'digits', ...argv], control);

  it('gives control the rest, at the revision that it read, and waits for the gateways', async () => {
    const control = service();
    const { code, out } = await set(control, 'b=20', '--yes');
    expect(code).toBe(0);
    expect(written(control)).toEqual([{ revision: 'r1', weights: { a: 80, b: 20 } }]);
    expect(out).toContain('10 % of all units move from a to b, 42 of those seen');
    expect(out).toContain('in force on 2 of 2 gateways');
  });

  it.each([
    [{ 'one:8442': 20, 'two:8442': 10 }, 1, 'not in force on two:8442'],
    [{ 'one:8442': 20, 'two:8442': null }, 3, 'two:8442 cannot be asked'],
  ])('says which gateway lacks them: %j', async (uses, code, text) => {
    const control = service(uses);
    const told = await set(control, 'b=20', '--yes', '--json');
    expect([told.code, told.err]).toEqual([code, expect.stringContaining(text)]);
    expect(written(control)).toHaveLength(1);
    expect(JSON.parse(told.out).gateways.in_force).toEqual(['one:8442']);
  });

  it.each([
    [['b=20'], 2, 'add --yes'],
    [['b=20', 'a=90', '--yes'], 2, 'weights sum to 110'],
    [['c=20', '--yes'], 4, 'there is no variant c'],
    [['b=lots', '--yes'], 2, 'b=lots is no weight'],
    [['b=101', '--yes'], 2, '0 to 100 percent'],
    [['b=1.234', '--yes'], 2, 'at most two decimals'],
    [['__proto__=1', '--yes'], 4, 'there is no variant __proto__'],
  ])('%j writes nothing', async (argv, code, text) => {
    const control = service();
    const told = await set(control, ...argv);
    expect([told.code, told.err]).toEqual([code, expect.stringContaining(text)]);
    expect(written(control)).toEqual([]);
  });

  it('says whose edit it replaces, also with --yes', async () => {
    const refused = { ...ROUTING, changed_by: 'user:bob', refused: ['models: bad'] };
    const control = service();
    const view = fakeControl({ 'GET /routing': refused });
    const fetch: typeof control.fetch = (input, init) =>
      (new URL(String(input)).pathname.endsWith('/routing') ? view : control).fetch(input, init);
    const { code, err } = await set({ ...control, fetch }, 'b=20', '--yes');
    expect([code, err]).toEqual([0, expect.stringMatching(/replaces a refused table, .* by user:bob\n/)]);
    expect((await set(service(), 'b=20', '--yes')).err).toBe('');
  });

  it.each([
    ['y', 0, 1],
    ['', 5, 0],
  ])('asks a person, who answers %j', async (answer, code, changes) => {
    const control = service();
    let question = '';
    const told = await headgate(['route', 'set', 'digits', 'b=20'], {
      ...control,
      terminal: { in: true, out: true, err: false },
      ask: async (text) => {
        question = text;
        return answer;
      },
    });
    expect(told.code).toBe(code);
    expect(question).toContain('10 % of all units move from a to b');
    expect(written(control)).toHaveLength(changes);
  });
});

describe('headgate route explain', () => {
  const explain = async (...argv: string[]) => {
    const control = fakeControl({
      'GET /routing': ROUTING,
      'GET /routing/:model/explain': {
        model: 'digits',
        experiment: 'a-or-b',
        salt: 's',
        bucket: 123,
        range: [0, 1000],
        rule: 'unit header',
        assigned: { variant: 'b', version: '2' },
        served: { variant: 'a', version: '1' },
        why: ['bucket 123 lies in the range of b', 'version 2 is not ready on one:8442'],
      },
    });
    const told = await headgate(['route', 'explain', ...argv], control);
    return { ...told, asked: control.calls.at(-1)?.call };
  };

  it.each([
    [['--unit', 'al ice'], undefined],
    [['--unit', 'a&b=c'], 'GET /routing/digits/explain?unit=a%26b%3Dc'],
    [['--header', 'x-headgate-unit:  alice '], 'GET /routing/digits/explain?unit=alice'],
    [['--header', 'Cookie: unit=alice'], undefined],
    [['--key', 'k3f9'], 'GET /routing/digits/explain?key=k3f9'],
    [['--key', `hg_k3f9_${'s'.repeat(43)}`], 'GET /routing/digits/explain?key=k3f9'],
    [['--key', 'k3f9', '--header', 'X-Headgate-Unit: bob'], 'GET /routing/digits/explain?unit=bob'],
    [['--unit', 'u', '--model', 'a/b'], 'GET /routing/a%2Fb/explain?unit=u'],
    [[], undefined],
  ])('%j', async (argv, call) => {
    const { code, asked } = await explain(...argv);
    expect([code, asked]).toEqual(call === undefined ? [2, undefined] : [0, call]);
  });

  it('shows rule, bucket, range, both variants and the reasons', async () => {
    const { out } = await explain('--unit', 'alice');
    expect(out).toContain('bucket      123; b owns 0 to 999 of 10,000');
    expect(out).toContain('served      a, version 1');
    expect(out).toContain('version 2 is not ready on one:8442');
  });
});

it('headgate route get shows one model, its shares and the revision', async () => {
  const { fetch } = fakeControl({ 'GET /routing': ROUTING });
  const { out } = await headgate(['route', 'get', 'digits'], { fetch });
  expect(out).toMatch(/a \(control\) +1 +90 %\nb +2 +10 %\n\nrevision r1/);
  const refused = { ...ROUTING, revision: 'r2', changed_by: 'user:bob', refused: ['models: bad'] };
  const told = await headgate(['route', 'get'], fakeControl({ 'GET /routing': refused }));
  expect(told.out).toMatch(/^THE NEWEST ROUTING TABLE IS REFUSED \(.* by user:bob\)/);
  expect(told.out).toMatch(/revision r1, changed at .* by user:alice\n$/);
  const unknown = await headgate(['route', 'get', 'constructor'], { fetch });
  expect([unknown.code, unknown.err]).toEqual([4, expect.stringContaining('choose one of digits')]);
});
