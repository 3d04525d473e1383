import { expect, it } from 'vitest';
import { parseYaml, YamlError } from './parse-yaml.ts';
import { parseYamlApart } from './parse-yaml-apart.ts';

/** Comments that make a text too long to be parsed in place. */
const LONG = '# a comment\n'.repeat(500);

it.each([
  ['in place', ''],
  ['apart', LONG],
])('reads as parseYaml does, %s', async (_, padding) => {
  const text = `${padding}a: &x [1, "2", yes]\nb: *x\nc: 2020-01-01\n`;
  expect(await parseYamlApart(text)).toEqual(parseYaml(text));
});

it.each([
  ['in place', '', 1],
  ['apart', LONG, 501],
])('says line and cause, %s', async (_, padding, line) => {
  const reading = parseYamlApart(`${padding}a: *hunter2`);
  await expect(reading).rejects.toThrow(`line ${line}, column 4: an alias (*) without its anchor`);
  await expect(reading).rejects.toBeInstanceOf(YamlError);
});

it.each([
  ['nested keys', '? '.repeat(32_000)],
  ['mistakes', '}'.repeat(65_000)],
  ['brackets', '['.repeat(65_000)],
])('lets the event loop go on while it reads thousands of %s', async (_, text) => {
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  await expect(parseYamlApart(text)).rejects.toBeInstanceOf(YamlError);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
