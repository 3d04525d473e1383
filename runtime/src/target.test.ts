import { describe, expect, it } from 'vitest';
import { parseTarget, resolveTarget } from './target.ts';

describe('parseTarget', () => {
  it.each([
    ['10.0.0.7:9000', ['10.0.0.7 9000']],
    ['[::1]:9000', ['::1 9000']],
    ['inference:9000', ['inference 9000']],
    ['10.0.0.7:9000,10.0.0.8:9001', ['10.0.0.7 9000', '10.0.0.8 9001']],
    ['[::1]:9000,[::2]:9000', ['::1 9000', '::2 9000']],
    ['dns:///inference.ns.svc:9000', ['inference.ns.svc 9000']],
  ])('reads %j', (text, places) => {
    expect(parseTarget(text).map(({ host, port }) => `${host} ${port}`)).toEqual(places);
  });

  const WRONG = ['', 'inference', 'inference:', ':9000', 'a:0', 'a:65536', 'xds:///a:1', '::1:9000'];
  const WRONG_LISTS = ['a:1,b:2', '10.0.0.7:1,a:2', '10.0.0.7:1,[::1]:2', '10.0.0.7:1,'];
  it.each([...WRONG, ...WRONG_LISTS])('refuses %j with the path of the setting', (text) => {
    expect(() => parseTarget(text)).toThrow(/^gateway\.upstream\.target: expected host:port/);
  });
});

describe('resolveTarget', () => {
  it('answers an address as it is, and a name with every address behind it', async () => {
    expect(await resolveTarget([{ host: '10.0.0.7', port: 1 }])).toEqual(['10.0.0.7:1']);
    expect(await resolveTarget([{ host: 'localhost', port: 1 }])).toContain('127.0.0.1:1');
  });

  it('answers all addresses of a list', async () => {
    const target = parseTarget('10.0.0.8:1,10.0.0.7:2');
    expect(await resolveTarget(target)).toEqual(['10.0.0.7:2', '10.0.0.8:1']);
  });

  it('rejects for a name that does not exist', async () => {
    await expect(resolveTarget([{ host: 'no-such-host.invalid', port: 1 }])).rejects.toThrow();
  });
});
