import { expect, it, onTestFinished, vi } from 'vitest';
import { parseYaml, YamlError } from './parse-yaml.ts';

/** What the parser must not repeat, whatever is wrong around it. */
const CANARY = 'Geheim12';

const problemOf = (text: string): string => {
  try {
    parseYaml(text);
  } catch (error) {
    expect(error).toBeInstanceOf(YamlError);
    expect(error).not.toHaveProperty('cause');
    return (error as Error).message;
  }
  throw new Error('expected a YamlError');
};

it('reads plain data, comments, anchors and aliases', () => {
  expect(parseYaml('a: &x [1, "2", yes] # c\nb: *x\n')).toEqual({ a: [1, '2', 'yes'], b: [1, '2', 'yes'] });
  expect(parseYaml('')).toBeNull();
  expect(parseYaml('a: &x 1\nb: *x\nc: &x 2\nd: *x')).toEqual({ a: 1, b: 1, c: 2, d: 2 });
});

it.each([
  ['an alias without an anchor', `a: 1\nb: *${CANARY}`, 'line 2: an alias (*) without its anchor'],
  ['an alias above its anchor', `b: *${CANARY}\na: &${CANARY} 1`, 'line 1: an alias (*) without its anchor'],
  ['an alias as a key', `a: &k ${CANARY}\n*k : 1`, 'line 2: a key that is not plain text'],
  ['a circle', `a: &${CANARY} [*${CANARY}]`, 'line 1: an alias (*) inside its own anchor'],
  ['a circle over two levels', `a: &${CANARY} { b: [*${CANARY}] }`, 'line 1: an alias (*) inside'],
  ['an unknown tag', `a: 1\nb: !${CANARY} x`, 'line 2: a tag (!) is not supported'],
  ['a tag alone', `a: !${CANARY}`, 'line 1: a tag (!) is not supported'],
  ['a tag of the library', `a: !!binary ${CANARY}`, 'line 1: a tag (!) is not supported'],
  ['an unknown directive', `%${CANARY} x\n---\na: 1`, 'line 1: not valid YAML (bad directive)'],
  ['a merge key', `a: &a { b: ${CANARY} }\nc:\n  <<: *a`, 'line 3: merge keys (<<) are not supported'],
  [
    'a merge key of YAML 1.1',
    `%YAML 1.1\n---\na: &a { b: ${CANARY} }\nc: { <<: *a }`,
    'line 4: merge keys (<<) are not supported',
  ],
  ['a key that occurs twice', `a: 1\n${CANARY}: 1\n${CANARY}: 2`, 'line 3: a key that occurs twice'],
  ['a key that is the same as text', `1: ${CANARY}\n"1": b`, 'line 2: a key that occurs twice'],
  ['a mapping as key', `{ ? { ${CANARY}: 1 } : 2 }`, 'line 1: a key that is not plain text'],
  ['a list as key', `? [${CANARY}]\n: 2`, 'line 1: a key that is not plain text'],
  ['two documents', `a: 1\n---\nb: ${CANARY}`, 'line 2: more than one document'],
  ['an open bracket', `a: [${CANARY}`, 'not valid YAML'],
  ['an unknown escape', `a: "${CANARY}\\q"`, 'line 1: not valid YAML (bad dq escape)'],
])('names place and cause of %s, without the text', (_, text, problem) => {
  const message = problemOf(text);
  expect(message).toMatch(/^line \d+, column \d+: /);
  expect(message.replace(/, column \d+/, '')).toContain(problem);
  expect(message).not.toContain(CANARY);
});

it('bounds what a short text may stand for', () => {
  const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
  expect(problemOf(`a0: &a0 [x]\n${levels.join('\n')}`)).toContain('too many aliases');
  expect(problemOf(`a: &a x\nb: [${'*a, '.repeat(101)}]`)).toBe(
    'line 2, column 405: more than 100 aliases (*)',
  );
  expect(problemOf('['.repeat(100_000))).toContain('nested too deeply');
  expect(problemOf(`a: ${'{ b: '.repeat(20_000)}`)).toContain('nested too deeply');
});

it('prints nothing', () => {
  const printed = [
    vi.spyOn(process, 'emitWarning').mockReturnValue(),
    vi.spyOn(console, 'warn').mockReturnValue(),
  ];
  onTestFinished(() => void vi.restoreAllMocks());
  for (const text of [`a: !${CANARY}`, `? [${CANARY}]\n: 1`, `%${CANARY}\n---\na`]) problemOf(text);
  for (const spy of printed) expect(spy).not.toHaveBeenCalled();
});
