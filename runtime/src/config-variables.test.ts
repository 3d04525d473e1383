import { configSchema } from '@headgate/contracts/config/schema';
import { inner } from '@headgate/contracts/config/values';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromVariables, variableOf } from './config-variables.ts';
import { settingsOf } from './testing/settings-of.ts';

const schema = z.strictObject({
  text: z.string().default(''),
  level: z.enum(['low', 'high']).optional(),
  number: z.number().default(1),
  flag: z.boolean().default(false),
  list: z.array(z.string()).default([]),
  quota: z.union([z.strictObject({ points: z.number() }), z.array(z.number())]).nullable(),
  group: z.strictObject({ port_base: z.number() }).prefault({ port_base: 1 }),
  tiers: z.record(z.string(), z.strictObject({ points: z.number(), note: z.string() })),
});

const read = (env: Record<string, string>) => fromVariables(env, schema);

/** Passwords and texts that a reader of YAML, JSON, numbers or shells would change. */
const ODD_TEXTS = [
  '!Geheim12', '%Ab12', 'pa ss #1', '#x', '"q"', "'q'", '|', '>', '~', 'null', '[x]', '{a: 1}', 'a: b', '&x', '*x',
  '@x', '`x', '- a', '? a', '<<', ' x ', '\tx\n', 'yes', 'NO', 'true', '0x10', '007', '1e3', '1_000', '.inf', '2001-01-01',
  'ä€😀', 'a\nb: c', '$HOME', '$(X)', '\\n', 'postgres://u:p @h/db #x', '', 'tcp://10.0.0.1:80',
]; // biome-ignore format: a table

describe('variables', () => {
  it.each(ODD_TEXTS)('leave the text of a text setting as it is: %j', (text) => {
    const { tree, problems } = read({
      HEADGATE_TEXT: text,
      HEADGATE_LEVEL: text,
      HEADGATE_TIERS__A__NOTE: text,
    });
    expect(tree).toEqual({ text, level: text, tiers: { a: { note: text } } });
    expect(problems).toEqual([]);
  });

  it.each([
    ['HEADGATE_NUMBER', '0', { number: 0 }],
    ['HEADGATE_NUMBER', '-0.25', { number: -0.25 }],
    ['HEADGATE_GROUP__PORT_BASE', '9440', { group: { port_base: 9440 } }],
    ['HEADGATE_FLAG', 'true', { flag: true }],
    ['HEADGATE_FLAG', 'false', { flag: false }],
    ['HEADGATE_LIST', '["a", "b, c"]', { list: ['a', 'b, c'] }],
    ['HEADGATE_QUOTA', 'null', { quota: null }],
    ['HEADGATE_QUOTA', '{"points": 5}', { quota: { points: 5 } }],
    ['HEADGATE_QUOTA__POINTS', '5', { quota: { points: 5 } }],
    ['HEADGATE_TIERS', '{"Gold-1": {"points": 5}}', { tiers: { 'Gold-1': { points: 5 } } }],
  ])('are typed by the schema: %s=%s', (name, text, tree) => {
    expect(read({ [name]: text })).toMatchObject({ tree, problems: [], names: new Set([name]) });
  });

  it.each([
    ['HEADGATE_NUMBER', ['10ms', '1e3', '0x10', ' 10', '10\n', '010', '+1', '.5', '5.', 'Infinity', 'NaN', '1_000', '٣', '1,5']],
    ['HEADGATE_FLAG', ['TRUE', 'yes', '1', ' true', 'on', 'null']],
    ['HEADGATE_LIST', ['a', 'a,b', '[a]', "['a']", '["a",]', '!Geheim12', '["Geheim12']],
    ['HEADGATE_QUOTA', ['{points: 5}', 'Geheim12', '~', 'NULL']],
    ['HEADGATE_GROUP', ['{"port_base": 5}', 'Geheim12', '']],
  ])('name what %s expects, and never the value', (name, texts) => {
    for (const text of [...texts, '']) {
      const { tree, problems } = read({ [name]: text });
      expect(tree).toEqual({});
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(new RegExp(`^${name}: (expected (a number|true or false|JSON)|empty|a group)`));
      expect(problems[0]).not.toContain('Geheim12');
    }
  }); // biome-ignore format: the lists

  it('of a whole record come before those of its members, in any order', () => {
    const member = { HEADGATE_TIERS__A__POINTS: '7' };
    const whole = { HEADGATE_TIERS: '{"a": {"points": 1, "note": "n"}}' };
    const tree = { tiers: { a: { points: 7, note: 'n' } } };
    for (const env of [
      { ...member, ...whole },
      { ...whole, ...member },
    ])
      expect(read(env).tree).toEqual(tree);
  });

  it('of an unknown name are refused by their full name', () => {
    for (const name of [
      'HEADGATE_PORT',
      'HEADGATE_GROUP_PORT_BASE',
      'HEADGATE_FIGURES',
      'HEADGATE_X__Y',
      'HEADGATE_',
      'HEADGATE_TEXT__SUB',
      'HEADGATE_LIST__10',
    ]) {
      expect(read({ [name]: '8440' }).problems).toEqual([
        `${name}: no setting has this name; remove it, or correct its spelling (__ between sections)`,
      ]);
    }
  });
});

/** What Kubernetes sets for a Service with a named and an unnamed port (kubelet, envvars.FromServices). */
function ofKubernetes(service: string): Record<string, string> {
  const prefix = service.toUpperCase().replaceAll('-', '_');
  const ports = [
    ['8443', 'TCP'],
    ['53', 'UDP'],
    ['9', 'SCTP'],
  ].flatMap(([port, protocol = '']) => {
    const name = `${prefix}_PORT_${port}_${protocol}`;
    const address = `${protocol.toLowerCase()}://10.96.0.12:${port}`;
    return [
      [name, address],
      [`${name}_PROTO`, protocol.toLowerCase()],
      [`${name}_PORT`, port],
      [`${name}_ADDR`, '10.96.0.12'],
    ] as [string, string][];
  });
  return {
    [`${prefix}_SERVICE_HOST`]: '10.96.0.12',
    [`${prefix}_SERVICE_PORT`]: '8443',
    [`${prefix}_SERVICE_PORT_HTTPS`]: '8443',
    [`${prefix}_SERVICE_PORT_GRPC_V2`]: '8446',
    [`${prefix}_PORT`]: 'tcp://10.96.0.12:8443',
    ...Object.fromEntries(ports),
  };
}

describe('what Kubernetes sets for Services', () => {
  const services = [
    'headgate',
    'headgate-gateway',
    'headgate-envoy-admin',
    'headgate-v6',
    'headgate--x',
    'headgate-listen--y',
  ];

  it.each(services)('is ignored: %s', (service) => {
    expect(fromVariables(ofKubernetes(service), configSchema)).toMatchObject({ tree: {}, problems: [] });
  }); // biome-ignore format: the list

  it('has the name of no setting', () => {
    const settings = settingsOf(configSchema).map(
      ({ path, schema: one }) => [variableOf(path), inner(one)] as const,
    );
    const shape = /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP|SCTP)/;
    // A name that ends in _PORT is taken for one of Kubernetes by its value, tcp://…, which no number has.
    const isText = (type: unknown) => !(type instanceof z.ZodNumber);
    const clash = settings.filter(
      ([name, type]) => shape.test(name) || (/_PORT$/.test(name) && isText(type)),
    );
    expect(clash).toEqual([]);
    expect(settings.length).toBeGreaterThan(100);
  });

  it('does not hide a setting whose name an operator has chosen', () => {
    const env = { HEADGATE_CAPTURE__MODELS__MY_SERVICE_PORT__RATE: '0.5' };
    expect(fromVariables(env, configSchema).tree).toEqual({
      capture: { models: { my_service_port: { rate: 0.5 } } },
    });
  });
});

it('every setting has a type that a variable can be read by', () => {
  const kinds = settingsOf(configSchema).map(({ schema: one }) => inner(one).constructor.name);
  expect(new Set(kinds)).toEqual(
    new Set(['ZodString', 'ZodEnum', 'ZodNumber', 'ZodBoolean', 'ZodArray', 'ZodRecord', 'ZodNullable']),
  );
});
